"""The smoke test's own logic, on the Redshift emulator."""

import pytest

from deploy import smoke
from deploy.errors import DeployError

BUCKETS = {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b"}
SCHEMAS = """
select nspname from pg_namespace where nspname like 'smoke%' or nspname = 'e'
union all
select usename from pg_user where usename = 'prober'
"""


PASSES = ("nothing due", "rebuild", "full refresh")


def left_behind(stack):
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute(SCHEMAS)
        schemas = [row[0] for row in cursor.fetchall()]
    objects = [
        entry["Key"]
        for bucket in ("kpi-raw", "kpi-artifacts")
        for entry in stack.s3_client.list_object_versions(Bucket=bucket).get("Versions", [])
    ]
    return schemas, objects


@pytest.fixture
def environ(fresh_stack):
    fresh_stack.s3_client.put_object(Bucket="kpi-raw", Key="incoming/streams1.csv", Body=b"of the pipeline itself")
    return {**fresh_stack.process_env(), "KPI_RAW_PREFIX": "incoming/"}


def test_it_runs_twice_probes_and_leaves_nothing_behind(fresh_stack, environ):
    lines = []
    smoke.Smoke("local", environ, lines.append, dbt=("run", "--select", "+listening_kpis_daily")).run()
    counted = [line for line in lines if "the KPIs count the" in line]
    assert [line.split(":")[0] for line in counted] == ["full", "incremental", *PASSES]
    assert counted[0].endswith("on 2 days") and all(line.endswith("on 3 days") for line in counted[1:])
    assert [line for line in lines if line.startswith("a broken file is refused: s3://kpi-raw/incoming/smoke_")]
    print(*lines, sep="\n")
    answered = next(line for line in lines if line.endswith("probes are answered as by the Redshift emulator"))
    same, of, total, *_ = answered.split()
    assert (same, of) == (total, "of"), "the Redshift emulator answers as it does itself"
    assert left_behind(fresh_stack) == ([], ["incoming/streams1.csv"])


@pytest.mark.slow
def test_its_default_arguments_pass_on_a_new_schema(fresh_stack, environ):
    lines = []
    smoke.Smoke("local", environ, lines.append).run()
    for said in ("every test holds over everything", "every unit test passes", "the docs are generated"):
        assert said in lines
    assert left_behind(fresh_stack) == ([], ["incoming/streams1.csv"])


def test_a_kpi_that_is_wrong_fails_and_leaves_nothing_behind(fresh_stack, environ, monkeypatch):
    def build_wrongly(test, *_):
        with test._connected() as connection:
            test._execute(connection, f"create schema {test.schemas[1]}")
            table = f"{test.schemas[1]}.listening_kpis_daily"
            test._execute(connection, f"create table {table} (listen_date date, listen_count bigint)")
            test._execute(connection, f"insert into {table} values ('2024-06-24', 7)")

    monkeypatch.setattr(smoke.Smoke, "_dbt", build_wrongly)
    wrong = r"The full run counts 7 listens on 2024-06-24, and the files hold [0-9]{4} \(2 days differ\)"
    with pytest.raises(DeployError, match=wrong):
        smoke.Smoke("local", environ, print).run()
    assert left_behind(fresh_stack) == ([], ["incoming/streams1.csv"])


def test_models_that_fail_are_told_in_dbts_words(fresh_stack, environ):
    with pytest.raises(DeployError, match=r"dbt no-such-command failed:(.|\n)*No such command"):
        smoke.Smoke("local", environ, print, dbt=())._dbt("no-such-command")


def test_a_probe_that_is_answered_otherwise_shows(fresh_stack, environ, monkeypatch):
    from redshift_emulator import probes

    probe = probes.Probe("a", "select 1 as one", 2, "a page")
    refused = probes.Probe("a", "select nothing", 2, "a page")
    monkeypatch.setattr(probes, "PROBES", [probe, refused])
    lines = []
    test = smoke.Smoke("local", environ, lines.append)
    try:
        test._probe()
    finally:
        test._clean_up()
    assert lines[0] == "select 1 as one\n      answers [(1,)]\n      not     [(2,)] (a page)"
    assert lines[1].startswith("select nothing\n      answers Refusal(code='42703'")
    assert lines[2] == "0 of 2 probes are answered as by the Redshift emulator"


@pytest.mark.parametrize(
    ("target", "environ", "sentence"),
    [
        ("local", {}, "KPI_RAW_BUCKET is not set"),
        (
            "local",
            {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b"},
            "REDSHIFT_HOST is not set: the target local needs it",
        ),
        (
            "dev",
            {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b", "REDSHIFT_HOST": "c"},
            "REDSHIFT_WORKGROUP is not set: the target dev needs it",
        ),
        (
            "cluster",
            {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b", "REDSHIFT_HOST": "c"},
            "REDSHIFT_CLUSTER is not set: the target cluster needs it",
        ),
        (
            "prod",
            {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b", "REDSHIFT_HOST": "c"},
            "REDSHIFT_WORKGROUP is not set: the target prod needs it",
        ),
    ],
)
def test_what_is_missing_is_named(target, environ, sentence):
    with pytest.raises(DeployError, match=sentence):
        smoke.Smoke(target, environ, print)


def test_a_target_that_no_profile_has_is_refused():
    with pytest.raises(DeployError, match="TARGET is ''"):
        smoke.smoke("", print)
