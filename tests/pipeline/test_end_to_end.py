"""The DAG, through Airflow, from raw files to KPIs; every row compared with an independent computation."""

import json
import os
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import boto3
import pytest

from local.environment import DBT_PROJECT
from local.sample import Contents, Sample
from local.stack import Stack
from tests import dbt_docs_site
from tests.expected.comparison import Tables
from tests.expected.kpis import compare
from tests.faults.in_process import Pipeline
from tests.pages.contents import expected_tables, read_page
from tests.pipeline.warehouse import (
    KPIS,
    dbt,
    expected_dim_users,
    expected_from,
    kpi_tables,
    query,
    whole_tables,
)

REPOSITORY = Path(__file__).resolve().parents[2]
LAB = Path(os.environ.get("LAB_DATA") or REPOSITORY.parent / "shared" / "data" / "lab")


def run(stack, directory: Path, **conf: object):
    stack.put_raw(directory)
    result = stack.run(conf or None)
    assert result.state == "success", f"{result.reason} (log: {result.log})"
    return result


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return Sample(), tmp_path_factory.mktemp("raw")


@dataclass(frozen=True)
class State:
    """What was put into the bucket last, what the contract makes of all of it, and what the warehouse held."""

    contents: Contents
    expected: Tables
    kpis: Tables
    rows: Tables


def state(stack, directory: Path, contents: Contents) -> State:
    return State(contents, expected_from(directory, stack)[1], kpi_tables(stack), whole_tables(stack))


@pytest.fixture(scope="module")
def first(stack, sample):
    """After a run over the sample's first batch."""
    stack.reset()
    maker, directory = sample
    contents = maker.write(directory)
    run(stack, directory)
    return state(stack, directory, contents)


@pytest.fixture(scope="module")
def stack_by_iam(stack):
    """The same stack for clients that log in by IAM, as a provisioned cluster lets them: there is no password to give.

    The password of the stack's own environment is replaced by a wrong one, so that nothing can fall back on it.
    """
    client = stack.client_env()
    where = {"endpoint_url": client["AWS_ENDPOINT_URL"], "region_name": client["AWS_DEFAULT_REGION"]}
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    boto3.client("redshift", **where, **keys).create_cluster(
        ClusterIdentifier="kpi", NodeType="ra3.large", MasterUsername="nobody", MasterUserPassword=f"A{uuid.uuid4()}"
    )
    extra = {
        "iam": True,
        "cluster_identifier": "kpi",
        "region": client["AWS_DEFAULT_REGION"],
        "db_user": client["REDSHIFT_USER"],
    }
    connection = {
        "conn_type": "redshift",
        "host": client["REDSHIFT_HOST"],
        "port": int(client["REDSHIFT_PORT"]),
        "schema": client["REDSHIFT_DATABASE"],
        "login": client["REDSHIFT_USER"],
        "extra": extra,
    }
    settings = {
        "KPI_DBT_TARGET": "cluster",
        "REDSHIFT_CLUSTER": "kpi",
        "REDSHIFT_PASSWORD": "not the password",
        "AIRFLOW_CONN_REDSHIFT_DEFAULT": json.dumps(connection),
        "SSL_CERT_FILE": json.loads(stack.redshift.ready_file.read_text())["ca"],
    }
    return Stack(stack.state, settings=settings)


@pytest.fixture(scope="module")
def second(stack, stack_by_iam, sample, first):
    """After a second run, over a new day and late rows for old ones, without a password anywhere."""
    maker, directory = sample
    contents = maker.write(directory, batch=2)
    run(stack_by_iam, directory)
    return state(stack, directory, contents)


def test_first_run_gives_what_the_contract_says(first):
    assert compare(first.expected, first.kpis) == []


def test_first_run_accounts_for_every_line(stack, first):
    contents = first.contents
    counts = query(
        stack,
        "select sum(landed_count), sum(listen_count), sum(duplicate_count), sum(reject_count), sum(refused_line_count)"
        " from analytics.stream_batches",
    )[0]
    landed, listens, duplicates, rejects, refused = map(int, counts)
    assert listens == contents.listens.total()
    assert (duplicates, rejects, refused) == (contents.duplicates, contents.rejects, contents.refused)
    assert landed == listens + duplicates + rejects
    assert landed + refused == contents.lines


def test_refused_lines_are_kept_with_their_text(stack, sample, first):
    lines = query(stack, "select key, line_number, reason, raw_line, is_rolled_back from landing.refused_lines")
    assert len(lines) == first.contents.refused > 0
    for key, number, reason, raw_line, is_rolled_back in lines:
        assert (sample[1] / key).read_text().splitlines()[number - 1] == raw_line
        assert raw_line.count(",") != 2
        assert reason
        assert not is_rolled_back


def test_figures_of_the_run(stack, first):
    contents = first.contents
    figures = query(
        stack,
        "select files, rows_landed, lines_refused, listens, duplicates, rejects, days_rebuilt, seconds"
        " from landing.pipeline_runs order by started_at limit 1",
    )[0]
    assert figures[0] == len(contents.files)
    assert figures[1] == contents.lines - contents.refused
    assert figures[2:6] == (contents.refused, contents.listens.total(), contents.duplicates, contents.rejects)
    assert figures[6] == len(contents.listens) == 3
    assert figures[7] > 0


def test_users_are_the_last_row_of_each(stack, sample, first):
    columns = "user_id, user_name, user_age, user_country, created_at"
    assert sorted(query(stack, f"select {columns} from analytics.dim_users")) == sorted(expected_dim_users(sample[1]))


def test_the_published_docs_are_one_page_that_can_be_browsed(stack, first, page, screenshots):
    """A link to the one file has all of it: whoever gets a presigned one needs no right of their own."""
    objects = {
        name: stack.s3_client.get_object(Bucket="kpi-artifacts", Key=f"docs/{name}")
        for name in ("index.html", "manifest.json", "catalog.json")
    }
    assert objects["index.html"]["ContentType"] == "text/html"
    manifest, catalog = (json.load(objects[name]["Body"]) for name in ("manifest.json", "catalog.json"))
    assert catalog["nodes"].keys() == {name for name in manifest["nodes"] if name.startswith("model.")}
    requested = []
    page.on("request", lambda request: requested.append(request.url))
    dbt_docs_site.forgive_dbt(page)
    published = {"Bucket": "kpi-artifacts", "Key": "docs/index.html"}
    page.goto(stack.s3_client.generate_presigned_url("get_object", published))
    links = dbt_docs_site.follow_links(page, dbt_docs_site.titles_of(manifest))
    assert {f"#!/model/model.streaming_kpis.{name}" for name in KPIS} <= set(links)
    dbt_docs_site.browse(page, page, screenshots, "published-docs")
    others = [url for url in requested[1:] if "getIcon" not in url and "favicon" not in url]
    assert not [url for url in others if not url.startswith("data:")], "the page needs more than itself"


def test_descriptions_are_kept_in_the_warehouse_too(stack, first):
    """Whoever works in a SQL editor reads the same words, of views as well as of tables."""
    manifest = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
    models = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    expected = {(name, None): node["description"] for name, node in models.items()}
    for name, node in models.items():
        expected |= {(name, column): entry["description"] for column, entry in node["columns"].items()}
    found = query(
        stack,
        "select pg_class.relname, pg_attribute.attname, pg_description.description from pg_description"
        " join pg_class on pg_class.oid = pg_description.objoid"
        " join pg_namespace on pg_namespace.oid = pg_class.relnamespace and pg_namespace.nspname = 'analytics'"
        " left join pg_attribute on pg_attribute.attrelid = pg_class.oid"
        " and pg_attribute.attnum = pg_description.objsubid and pg_description.objsubid > 0",
    )
    assert {(table, column): text for table, column, text in found} == expected


def test_every_landed_column_is_described(stack, first):
    """Models have a contract for that; what the DAG and the hooks write has none."""
    manifest = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
    described = {(node["name"], column) for node in manifest["sources"].values() for column in node["columns"]}
    found = query(
        stack,
        "select table_name, column_name from information_schema.columns"
        " where (table_schema = 'landing' and table_name not like 'lock_%%' and table_name <> 'turns')"
        " or table_name in ('transformed_batches', 'passed_batches', 'day_versions', 'day_builds')",
    )
    assert described == set(map(tuple, found))


def test_the_kpi_page_shows_what_the_tables_hold(stack, first):
    html = stack.s3_client.get_object(Bucket="kpi-artifacts", Key="kpis/index.html")["Body"].read().decode()
    tables = read_page(html).tables
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=28)
    last_day = max(first.contents.listens)
    expected = expected_tables(partial(query, stack), "landing", "analytics", last_day, since)
    assert tables == expected
    assert tables["runs"] and tables["rejects"] and len(tables["artists"]) == 10


def test_second_run_knows_no_password(stack, stack_by_iam, second):
    environ = stack_by_iam.process_env()
    assert not any(stack.client_env()["REDSHIFT_PASSWORD"] in value for value in environ.values())
    assert query(stack, "select 1 from landing.pipeline_runs having count(*) = 2")


def test_second_run_gives_what_the_contract_says(second):
    assert compare(second.expected, second.kpis) == []


def test_second_run_rebuilds_the_touched_days_and_no_other(stack, first, second):
    touched = set(second.contents.listens)
    untouched = set(first.contents.listens) - touched
    assert untouched and touched & set(first.contents.listens), "the sample must have days of both kinds"
    for name in KPIS:
        kept = [row for row in second.rows[name] if not touched & set(_dates(row))]
        assert kept == [row for row in first.rows[name] if not touched & set(_dates(row))]
    rebuilt = query(
        stack,
        "select distinct listen_date from analytics.day_builds"
        " where run_id = (select run_id from landing.pipeline_runs order by started_at desc limit 1)",
    )
    assert {day for (day,) in rebuilt} == touched


def _dates(row) -> list:
    return [value for value in row if type(value).__name__ == "date"]


def test_with_nothing_new_a_run_rebuilds_what_was_asked_for_and_no_number_changes(stack, first, second):
    asked = sorted(first.contents.listens)[1]
    result = stack.run({"rebuild_from": str(asked), "rebuild_to": str(asked)})
    assert result.state == "success", result.reason
    assert compare(second.kpis, kpi_tables(stack)) == []
    rows = whole_tables(stack)
    for name in KPIS:
        changed = [row for row in rows[name] if row not in second.rows[name]]
        assert {day for row in changed for day in _dates(row)} == {asked}, "built_at tells which rows were rebuilt"


def test_every_dbt_test_holds_over_all_that_there_is(stack, second):
    """A scheduled run tests what it touched; this is all data, and the unit tests of each formula."""
    done = dbt(stack, "test")
    assert done.returncode == 0, done.stdout[-3000:]
    summary = re.search(r"PASS=(\d+) WARN=(\d+) ERROR=(\d+) SKIP=(\d+)", done.stdout)
    assert summary, done.stdout[-3000:]
    passed, warned, failed, skipped = map(int, summary.groups())
    assert passed > 100
    assert (warned, failed, skipped) == (0, 0, 0), done.stdout[-3000:]


def test_a_full_refresh_changes_no_number(stack, second):
    result = stack.run({"full_refresh": True})
    assert result.state == "success", result.reason
    assert compare(second.kpis, kpi_tables(stack)) == []


@pytest.mark.skipif(not (LAB / "songs.csv").is_file(), reason=f"the lab's files are not in {LAB.name}/ (LAB_DATA)")
def test_lab_files_give_what_the_contract_says(stack):
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    for file in LAB.glob("*.csv"):
        pipeline.put(file.name, file.read_bytes())
    pipeline.land_all()
    assert pipeline.build().success
    classified, expected = expected_from(LAB, stack)
    assert len(classified.listens) == sum(len(file.read_text().splitlines()) - 1 for file in LAB.glob("streams*.csv"))
    assert compare(expected, kpi_tables(stack)) == []
