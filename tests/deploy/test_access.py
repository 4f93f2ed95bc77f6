"""The roles, on the Redshift emulator: what the pipeline may do, and what an analyst can and can't read."""

import os
import subprocess
import sys

import pytest
import redshift_connector

from deploy import build, release, warehouse
from local.environment import REPO
from tests.pipeline.warehouse import BOOKKEEPING

# The Redshift emulator folds a log-in name; in production it begins with IAMR: and is quoted the same.
PIPELINE, ANALYST, PASSWORD = "iamr:kpi-test-airflow-us-east-1", "an_analyst", "Passw0rd"
MARTS = (
    "dim_songs dim_users duplicate_streams fct_listens genre_kpis_daily listening_kpis_daily listening_kpis_hourly "
    "rejected_streams stream_batches top_artists_per_day top_artists_per_hour top_tracks_per_genre_daily"
).split()
# What a KPI is built from beside the marts: an analyst who edits one reads it.
STEPS = "int_batches_due int_days_due int_days_not_built int_listens_with_songs int_track_artists".split()
RAW = {
    "songs.csv": "id,track_id,artists,track_name,popularity,duration_ms,track_genre\n0,t1,Ann;Bo,One,50,1000,pop\n",
    "users.csv": "user_id,user_name,user_age,user_country,created_at\nu1,Zoe,30,Peru,2024-01-01\n",
    "streams1.csv": "user_id,track_id,listen_time\nu1,t1,2024-06-25 10:00:00\n",
}


def log_in(stack, user):
    client = stack.client_env()
    return redshift_connector.connect(
        host=client["REDSHIFT_HOST"],
        port=int(client["REDSHIFT_PORT"]),
        database=client["REDSHIFT_DATABASE"],
        user=user,
        password=PASSWORD,
        ssl=False,
    )


@pytest.fixture(scope="module")
def built(stack, land):
    """Roles made twice; files landed and the marts built, twice, by the pipeline's own user."""
    stack.up()
    stack.reset()
    administrator = stack.connect()
    for _ in range(2):
        warehouse.bootstrap(warehouse.Connection(administrator), user=PIPELINE, database="dev")
    query = warehouse.Connection(administrator).query
    # The Redshift emulator has no IAM: a password stands in for the login, never for what it may do.
    query(f"""alter user "{PIPELINE}" password '{PASSWORD}'""")
    query(f"create user {ANALYST} password '{PASSWORD}'")
    query(f"grant role analyst to {ANALYST}")
    land(RAW, user=PIPELINE, password=PASSWORD)
    env = {**stack.dbt_env(), "REDSHIFT_USER": PIPELINE, "REDSHIFT_PASSWORD": PASSWORD, "KPI_ANALYST_ROLE": "analyst"}
    # The second build replaces the table of users and merges into the facts: the grants have to outlive both.
    for words in (["run"], ["run", "--select", "dim_users", "fct_listens"]):
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=env["DBT_PROFILES_DIR"])
        assert done.returncode == 0, done.stdout + done.stderr
    yield stack
    stack.reset()


@pytest.fixture
def analyst(built):
    with log_in(built, ANALYST) as connection:
        connection.autocommit = True
        yield connection.cursor()


@pytest.mark.parametrize("model", [name for name in MARTS + STEPS if name != "dim_users"])
def test_an_analyst_reads_the_marts_and_what_kpis_are_built_from(analyst, model):
    analyst.execute(f"select count(*) from analytics.{model}")
    assert analyst.fetchone()[0] >= 0


def test_an_analyst_reads_users_but_not_their_names(analyst):
    analyst.execute("select user_id, user_country, user_age, created_at from analytics.dim_users")
    assert [list(row)[:3] for row in analyst.fetchall()] == [["u1", "Peru", 30]]
    for columns in ("user_name", "*"):
        with pytest.raises(redshift_connector.Error, match="permission denied"):
            analyst.execute(f"select {columns} from analytics.dim_users")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from landing.users",
        "select * from landing.streams",
        "select * from landing.refused_lines",
        "select * from analytics.stg_users",
        "select * from analytics.int_streams_due",
        "select * from analytics.day_versions",
        "delete from analytics.fct_listens",
        "insert into analytics.listening_kpis_daily select * from analytics.listening_kpis_daily",
        "create table analytics.mine (a integer)",
        "create table landing.mine (a integer)",
        "grant select on analytics.dim_users to public",
    ],
)
def test_an_analyst_does_nothing_else(analyst, statement):
    with pytest.raises(redshift_connector.Error, match=r"permission denied|must be owner|not the owner"):
        analyst.execute(statement)


def test_that_is_all_there_is_to_read(built, analyst):
    """A new model is granted, or shows up here."""
    administrator = warehouse.Connection(built.connect())
    tables = administrator.query(
        "select schemaname, tablename from pg_tables where schemaname in ('landing', 'analytics')"
    )
    views = administrator.query(
        "select schemaname, viewname from pg_views where schemaname in ('landing', 'analytics')"
    )
    readable = set()
    for schema, name in [*tables, *views]:
        try:
            analyst.execute(f"select * from {schema}.{name} limit 1")
        except redshift_connector.Error:
            continue
        readable.add(name)
    assert readable == {*MARTS, *STEPS} - {"dim_users"}


def test_an_analyst_builds_a_kpi_in_a_schema_of_their_own(built):
    administrator = warehouse.Connection(built.connect())
    administrator.query(f"create schema dev_ana authorization {ANALYST}")
    published = built.state / "dbt" / "target" / "manifest.json"
    built.s3_client.upload_file(str(published), "kpi-artifacts", "docs/manifest.json")
    login = {"REDSHIFT_USER": ANALYST, "REDSHIFT_PASSWORD": PASSWORD, "LOCAL_STATE": str(built.state)}
    env = {**os.environ, **built.client_env(), **login, "KPI_SCHEMA": "dev_ana", "KPI_ARTIFACT_BUCKET": "kpi-artifacts"}
    command = [sys.executable, "-m", "workbench", "check", "genre_kpis_daily", "--target", "dev"]

    done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=REPO)

    assert done.returncode == 0, done.stdout + done.stderr
    rows = "select listen_date, track_genre, listen_count from {}.genre_kpis_daily"
    assert administrator.query(rows.format("dev_ana")) == administrator.query(rows.format("analytics"))
    made = administrator.query("select tablename from pg_tables where schemaname = 'dev_ana'")
    assert {name for (name,) in made} == {"genre_kpis_daily", *BOOKKEEPING}


def test_a_grant_that_the_release_no_longer_has_is_revoked_by_a_deployment(built):
    administrator = warehouse.Connection(built.connect())
    for statement in (
        "create table analytics.of_a_model_that_is_gone (a integer)",
        "grant select, insert on analytics.of_a_model_that_is_gone to role analyst",
        "grant select on analytics.day_versions to role analyst",
        "grant update on analytics.dim_songs to role analyst",
        "grant select on landing.users to role analyst",
        f"grant select on analytics.day_builds to {ANALYST}",
    ):
        administrator.query(statement)
    granted = {*MARTS, *STEPS} - {"dim_users"}

    revoked = warehouse.revoke_what_is_not_granted(administrator, granted=granted)

    assert sorted(revoked) == [
        "insert on analytics.of_a_model_that_is_gone",
        "select on analytics.day_versions",
        "select on analytics.of_a_model_that_is_gone",
        "select on landing.users",
        "update on analytics.dim_songs",
    ]
    assert warehouse.revoke_what_is_not_granted(administrator, granted=granted) == []
    with log_in(built, ANALYST) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        for table in ("analytics.of_a_model_that_is_gone", "analytics.day_versions", "landing.users"):
            with pytest.raises(redshift_connector.Error, match="permission denied"):
                cursor.execute(f"select * from {table}")
        cursor.execute("select count(*) from analytics.dim_songs")
        cursor.execute("select user_id from analytics.dim_users")
        cursor.execute("select count(*) from analytics.day_builds")  # what somebody granted to a user is theirs
    administrator.query("drop table analytics.of_a_model_that_is_gone")
    administrator.query(f"revoke select on analytics.day_builds from {ANALYST}")


def test_what_a_release_grants_is_what_analysts_read(built):
    names = ("AWS_DEFAULT_REGION", "REDSHIFT_HOST", "REDSHIFT_WORKGROUP")
    made = build.DbtArtifacts(REPO, {**dict.fromkeys(names, "x"), "KPI_ANALYST_ROLE": "analyst"})
    items = [release.Item(release.MANIFEST, "", made.manifest)]
    assert release.granted(items, "analyst") == {*MARTS, *STEPS} - {"dim_users"}
    assert release.granted(items, "another") == set()


def test_the_pipeline_owns_what_it_builds(built):
    administrator = warehouse.Connection(built.connect())
    owners = administrator.query(
        "select distinct tableowner from pg_tables where schemaname in ('landing', 'analytics')"
    )
    assert owners == [(PIPELINE,)]


@pytest.mark.parametrize("value", ["u1", "", "o'clock", "a\\", "\\'; drop table x; --", "{{ x }}", "é", "a;\nb"])
def test_a_literal_is_one_value(stack, value):
    assert warehouse.Connection(stack.connect()).query(f"select {warehouse.literal(value)} as value") == [(value,)]


def test_statements_are_cut_before_they_are_filled(tmp_path, monkeypatch):
    (tmp_path / "file.sql").write_text("-- a comment; no statement\nselect {{ a | literal }};\n\n-- once\nselect 2;\n")
    monkeypatch.setattr(warehouse, "SQL", tmp_path)
    assert warehouse.render("file", a="1;\n2") == [
        warehouse.Statement("select '1;\n2'", False),
        warehouse.Statement("select 2", True),
    ]
