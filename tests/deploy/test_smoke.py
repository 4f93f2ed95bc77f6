"""The smoke test itself, on the Redshift emulator."""

import csv
import json
from collections import Counter

import boto3
import pytest

from deploy import smoke, smoke_files, smoke_probes
from deploy.errors import DeployError
from deploy.smoke_place import Place
from deploy.warehouse import Connection
from redshift_emulator import probes

PASSES = [
    "bootstrap: the roles and schemas are made, twice",
    "full: landed",
    "full: the KPIs count the",
    "incremental: landed",
    "incremental: the KPIs count the",
    "nothing due: the KPIs count the",
    "the same file again: it is known, and nothing landed",
    "beyond MAXERROR: COPY gave up, nothing landed, and 100,000 refused lines are kept",
    "a large file of 2 MB: all its lines are accounted for, 1 are refused",
    "odd characters: landed 4 rows",
    "the files: the KPIs count the",
    "a rebuild: the KPIs count the",
    "side by side (genre_kpis_daily, ",
    "a full refresh: the KPIs count the",
    "the audit: every test over everything passes, and the sources are fresh",
    "the unit tests pass",
    "the docs know the columns of all ",
    "access: an analyst reads the marts, and neither names nor landing; other grants are revoked",
    "a person erased: the KPIs count the",
]


def there(stack):
    """Everything that outlives a schema, and every object."""
    query = Connection(stack.connect()).query
    found = [query(f"select {name}, {name} from {table}") for name, table in THINGS]
    objects = [
        entry["Key"]
        for bucket in ("kpi-raw", "kpi-artifacts")
        for entry in stack.s3_client.list_object_versions(Bucket=bucket).get("Versions", [])
    ]
    return [sorted(str(row[0]) for row in rows if not str(row[0]).startswith("pg_")) for rows in found], objects


THINGS = [("nspname", "pg_namespace"), ("usename", "pg_user"), ("rolname", "pg_roles"), ("datname", "pg_database")]


@pytest.fixture
def environ(fresh_stack):
    fresh_stack.s3_client.put_object(Bucket="kpi-raw", Key="incoming/streams1.csv", Body=b"of the pipeline itself")
    return {**fresh_stack.process_env(), "KPI_RAW_PREFIX": "incoming/"}


@pytest.mark.slow
def test_it_does_each_pass_with_its_default_arguments_and_leaves_nothing_behind(fresh_stack, environ):
    before, lines = there(fresh_stack), []
    smoke.Smoke("local", environ, lines.append).run()
    print(*lines, sep="\n")
    said = iter(lines)
    assert [start for start in PASSES if any(line.startswith(start) for line in said)] == PASSES
    answered = next(line for line in lines if line.endswith("probes are answered as by the Redshift emulator"))
    same, of, total, *_ = answered.split()
    assert (same, of) == (total, "of"), "the Redshift emulator answers as it does itself"
    assert not any(line.startswith("NOT SHOWN") for line in lines)
    assert there(fresh_stack) == before


def test_a_kpi_that_is_wrong_fails_and_leaves_nothing_behind(fresh_stack, environ, monkeypatch):
    def build_wrongly(place, *commands):
        with place.connected() as connection:
            query = Connection(connection).query
            table = f"{place.names.marts}.listening_kpis_daily"
            query(f"create table {table} (listen_date date, listen_count bigint)")
            query(f"insert into {table} values ('2024-06-24', 7)")

    before = there(fresh_stack)
    monkeypatch.setattr(Place, "dbt", build_wrongly)
    wrong = r"The pass 'full' counts 7 listens on 2024-06-24, and the files hold [0-9]{4} \(2 days differ\)"
    with pytest.raises(DeployError, match=wrong):
        smoke.Smoke("local", environ, print).run()
    assert there(fresh_stack) == before


def test_what_could_not_be_removed_is_told_and_fails(fresh_stack, environ, monkeypatch):
    lines = []
    test = smoke.Smoke("local", environ, lines.append)
    for part in ("_first_passes", "_files", "_requests", "_checks", "_access", "_erase", "_probe"):
        monkeypatch.setattr(test, part, lambda *_: None)
    administrator = Connection(fresh_stack.connect())

    def own(_):
        administrator.query("create table public.kept (a int)")
        administrator.query(f'alter table public.kept owner to "{reader}"')

    reader = test.place.names.reader
    monkeypatch.setattr(test, "_erase", own)
    with pytest.raises(DeployError, match=f'left something behind: drop user if exists "{reader}": '):
        test.run()
    assert "left behind:" in lines
    administrator.query("drop table public.kept")
    administrator.query(f'drop user "{reader}"')


def test_whoever_may_not_make_roles_is_told_what_is_not_shown(fresh_stack, environ):
    administrator = Connection(fresh_stack.connect())
    administrator.query("create user a_builder password 'Passw0rdOfTests'")
    administrator.query("grant create on database dev to a_builder")
    before = there(fresh_stack)
    login = {"REDSHIFT_USER": "a_builder", "REDSHIFT_PASSWORD": "Passw0rdOfTests"}
    test = smoke.Smoke("local", {**environ, **login}, print)
    with test.place.connected() as connection:
        test._make_roles(connection)
        test._make_tables(connection)
    assert test._not_shown == ["bootstrap, grants to analysts and revokes: a_builder may not make roles and users."]
    assert test.place.environ["KPI_ANALYST_ROLE"] == "", "dbt would grant to a role that is not there"
    assert test.place.clean_up() == []
    assert there(fresh_stack) == before


def test_a_cluster_is_logged_in_to_by_iam(fresh_stack, environ, monkeypatch):
    where = {"endpoint_url": environ["AWS_ENDPOINT_URL"], "region_name": environ["AWS_DEFAULT_REGION"]}
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    client = boto3.client("redshift", **where, **keys)
    client.create_cluster(
        ClusterIdentifier="smoke", NodeType="ra3.large", MasterUsername="nobody", MasterUserPassword="Passw0rdOfNobody"
    )
    monkeypatch.setenv("SSL_CERT_FILE", json.loads(fresh_stack.redshift.ready_file.read_text())["ca"])
    place = Place("cluster", {**environ, "REDSHIFT_CLUSTER": "smoke", "REDSHIFT_PASSWORD": "not the password"})
    with place.connected() as connection:
        assert Connection(connection).query("select current_user") == [(environ["REDSHIFT_USER"],)]
    client.delete_cluster(ClusterIdentifier="smoke", SkipFinalClusterSnapshot=True)


def test_models_that_fail_are_told_in_dbts_words(fresh_stack, environ):
    with pytest.raises(DeployError, match=r"dbt no-such-command failed:(.|\n)*No such command"):
        Place("local", environ).dbt(("no-such-command",), ("--version",))


def test_a_probe_that_is_answered_otherwise_shows(fresh_stack, environ, monkeypatch):
    probe = probes.Probe("a", "select 1 as one", 2, "a page")
    refused = probes.Probe("a", "select nothing", 2, "a page")
    monkeypatch.setattr(probes, "PROBES", [probe, refused])
    lines = []
    test = smoke.Smoke("local", environ, lines.append)
    try:
        with test.place.connected() as connection:
            test._probe(connection)
    finally:
        test.place.clean_up()
    assert lines[0] == "select 1 as one\n      answers [(1,)]\n      not     [(2,)] (a page)"
    assert lines[1].startswith("select nothing\n      answers Refusal(code='42703'")
    assert lines[2] == "0 of 2 probes are answered as by the Redshift emulator"


def test_the_emulators_own_refusals_are_no_probes_of_a_warehouse():
    sent = smoke_probes.suitable()
    assert len(sent) > 700
    assert not any("the emulator" in str(probe.expected) for probe in sent)


@pytest.mark.parametrize(
    "statements",
    [
        ("create external schema e from data catalog database 'd' iam_role default",),
        ("create user prober password 'x'", "drop user prober"),
        ("select 1", "create role r"),
        ("grant usage on schema x to public",),
        ("alter schema x rename to y",),
        ('create schema if not exists "dev"."of_dev"',),
        ("drop schema x cascade",),
        ("grant select on other to prober",),
    ],
)
def test_nothing_outside_the_schema_of_the_probes_is_touched(monkeypatch, statements):
    harmless = probes.Probe("a", "select count(*) from sales", 3, "a page")
    monkeypatch.setattr(probes, "PROBES", [probes.Probe("a", statements, 1, "a page"), harmless])
    assert smoke_probes.suitable() == [harmless]


def test_a_probe_that_needs_what_was_left_out_is_left_out(monkeypatch):
    makes = probes.Probe("a", ("create schema dev.outside", "create table outside.t (a int)"), 1, "a page")
    needs = probes.Probe("a", "select a from outside.t", 1, "a page")
    harmless = probes.Probe("a", "select amount from other", 1, "a page")
    monkeypatch.setattr(probes, "PROBES", [makes, needs, harmless])
    assert smoke_probes.suitable() == [harmless]


def test_the_large_file_holds_what_it_says(tmp_path):
    large = smoke_files.write_large(tmp_path / "large.csv", 5)
    with (tmp_path / "large.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    whole = [row for row in rows if len(row) == 3]
    assert Counter(row[2][:10] for row in whole) == large.listens
    assert len({(row[0], row[1].strip(), row[2]) for row in whole}) == len(whole), "each is a listen of its own"
    assert large.refused == len(rows) - len(whole) > 2 and any("\n" in row[1] for row in whole)
    assert large.size == pytest.approx(5e6, rel=0.01)


@pytest.mark.parametrize(
    ("target", "environ", "sentence"),
    [
        ("local", {}, "KPI_RAW_BUCKET is not set"),
        ("local", {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b"}, "REDSHIFT_HOST is not set: the target local"),
        ("prod", {"REDSHIFT_HOST": "c"}, "REDSHIFT_WORKGROUP is not set: the target prod needs it"),
        ("dev", {"REDSHIFT_HOST": "c"}, "REDSHIFT_WORKGROUP is not set: the target dev needs it"),
        ("dev", {"REDSHIFT_HOST": "c", "REDSHIFT_PASSWORD": "d"}, "REDSHIFT_USER is not set: the target dev needs it"),
        ("cluster", {"REDSHIFT_HOST": "c"}, "REDSHIFT_CLUSTER is not set: the target cluster needs it"),
        ("", {}, r"TARGET is ''.*\(local, dev, prod or cluster\)"),
        ("nowhere", {}, "TARGET is 'nowhere'"),
    ],
)
def test_what_is_missing_is_named(target, environ, sentence):
    buckets = {} if environ == {} and target == "local" else {"KPI_RAW_BUCKET": "a", "KPI_ARTIFACT_BUCKET": "b"}
    with pytest.raises(DeployError, match=sentence):
        smoke.Smoke(target, {**buckets, **environ}, print)
