"""Who may log in, with a password or by IAM."""

from __future__ import annotations

import json
import os

import boto3
import pytest
import redshift_connector
from airflow.models import Connection
from airflow.providers.amazon.aws.hooks.redshift_sql import RedshiftSQLHook

from emulator_client import PASSWORD, USER
from redshift_emulator.server import login


@pytest.fixture(scope="module")
def cluster(aws_endpoint, redshift) -> dict:
    client = boto3.client("redshift", endpoint_url=aws_endpoint, region_name="us-east-1")
    client.create_cluster(
        ClusterIdentifier="local", NodeType="ra3.large", MasterUsername=USER, MasterUserPassword=PASSWORD
    )
    return {
        "iam": True,
        "host": "127.0.0.1",
        "port": redshift.port,
        "database": "dev",
        "cluster_identifier": "local",
        "region": "us-east-1",
        "endpoint_url": aws_endpoint,
        "access_key_id": "local",
        "secret_access_key": "local",
    }


@pytest.fixture(autouse=True)
def trusted(redshift, monkeypatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(redshift.certificate))


def test_iam(cluster) -> None:
    connection = redshift_connector.connect(**cluster, db_user=USER)
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone()[0] == USER
    connection.close()


def test_iam_can_create_the_user(cluster) -> None:
    connection = redshift_connector.connect(**cluster, db_user="newcomer", auto_create=True)
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone()[0] == "newcomer"
    connection.close()
    with pytest.raises(redshift_connector.Error, match="does not exist"):
        redshift_connector.connect(**cluster, db_user="nobody_knows", auto_create=False)


def test_the_hook_by_iam(cluster, redshift, aws_endpoint, monkeypatch) -> None:
    extra = {
        "iam": True,
        "cluster_identifier": "local",
        "region": "us-east-1",
        "db_user": USER,
        "endpoint_url": aws_endpoint,
    }
    connection = Connection(
        conn_id="local", conn_type="redshift", host="127.0.0.1", port=redshift.port, login=USER, schema="dev",
        extra=json.dumps(extra),
    )  # fmt: skip
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    hook = RedshiftSQLHook(aws_conn_id=None)
    hook.conn = connection
    hook.get_connection = lambda conn_id: connection
    assert tuple(hook.get_first("select current_user")) == (USER,)


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (USER, "wrong"),
        (USER, ""),
        ("nobody_knows", "x"),
        ("rdsdb", "x"),
        (f"IAM:{USER}", "9999999999.forged"),
        (f"IAM:{USER}", "no dot at all"),
        (f"IAM:{USER}", PASSWORD),
    ],
)
def test_wrong_credentials_are_refused(connect, user, password) -> None:
    with pytest.raises(redshift_connector.Error, match="password authentication failed"):
        connect(user=user, password=password)


def test_a_temporary_password_is_for_one_name_and_ends(connect) -> None:
    good = login.temporary_password(PASSWORD, f"IAM:{USER}", 900)
    connect(user=f"IAM:{USER}", password=good).connection.close()
    for user, password in [
        ("IAM:someone", good),
        (f"IAM:{USER}", login.temporary_password(PASSWORD, f"IAM:{USER}", -1)),
        (f"IAM:{USER}", login.temporary_password("another secret", f"IAM:{USER}", 900)),
    ]:
        with pytest.raises(redshift_connector.Error, match="password authentication failed"):
            connect(user=user, password=password)


def test_tls_and_plain(connect, redshift) -> None:
    client = connect(ssl=True, sslmode="verify-ca")
    assert client("select 1") == [(1,)]
    assert (
        len(client("with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select i from n"))
        == 50000
    )
    client.connection.close()


def test_the_database_has_to_exist(connect) -> None:
    with pytest.raises(redshift_connector.Error, match='database "nothing" does not exist'):
        connect(database="nothing")


def test_no_password_is_written(redshift) -> None:
    found = [
        path
        for path in redshift.data.rglob("*")
        if path.is_file() and os.access(path, os.R_OK) and PASSWORD.encode() in path.read_bytes()
    ]
    assert found == []
