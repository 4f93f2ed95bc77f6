"""The pytest plugin's fixtures."""

from __future__ import annotations

pytest_plugins = ["pytester"]

TESTS = """
import pytest


@pytest.mark.parametrize("name", ["one", "two"])
def test_each_has_a_database_of_its_own(redshift_database, name):
    with redshift_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create table t as select 1 as a")
        connection.commit()
        cursor.execute("select count(*) from svv_all_tables where table_name = 't'")
        assert cursor.fetchone()[0] == 1
    redshift_database.connect()  # left open: dropping the database ends it


def test_that_is_dropped_afterwards(redshift):
    import redshift_connector

    where = {"host": redshift.host, "port": redshift.port, "database": "dev", "ssl": False}
    connection = redshift_connector.connect(**where, user=redshift.user, password=redshift.password)
    with connection.cursor() as cursor:
        cursor.execute("select database_name from svv_redshift_databases")
        assert [name for (name,) in cursor.fetchall()] == ["dev"]
    connection.close()
"""


def test_the_fixtures(pytester) -> None:
    pytester.makepyfile(TESTS)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)
