"""The docs as a reader needs them: nothing without a description, nothing untested, no name that only dbt can read.

`make lint` runs this too, on the manifest alone. No tool was found that sees unit tests as well as data tests, and
needs neither a warehouse nor another version of a library that is pinned here.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from local.environment import DBT_PROJECT

MANIFEST = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
MODELS = {name: node for name, node in MANIFEST["nodes"].items() if node["resource_type"] == "model"}
TABLES = MODELS | MANIFEST["sources"]
DATA_TESTS = [node for node in MANIFEST["nodes"].values() if node["resource_type"] == "test"]
# dbt's own names of these two read as a sentence: not_null_fct_listens_user_id.
NAMED_BY_DBT = ("not_null", "unique")


class Column(NamedTuple):
    """A column, by its table's unique id and its own name."""

    table: str
    name: str


COLUMNS = {Column(table, name): column for table, node in TABLES.items() for name, column in node["columns"].items()}


def words_of(value: object) -> set[str]:
    """Every word in a test's arguments."""
    return set(re.findall(r"\w+", json.dumps(value)))


def columns_of_data_tests() -> Iterator[Column]:
    """A test on a column is that column's; a test on a table is for each column that its arguments name."""
    for test in DATA_TESTS:
        table = test.get("attached_node") or (test["sources"] and test["depends_on"]["nodes"][0])
        if not table or "test_metadata" not in test:
            continue
        arguments = test["test_metadata"]["kwargs"]
        named = {test["column_name"]} if test.get("column_name") else words_of(arguments)
        yield from (Column(table, name) for name in TABLES[table]["columns"] if name in named)


def columns_of_unit_tests() -> Iterator[Column]:
    """A unit test is for the columns that it expects, and for those of a source that it gives."""
    for test in MANIFEST["unit_tests"].values():
        model = f"model.streaming_kpis.{test['model']}"
        yield from (Column(model, name) for name in _columns(test["expect"]))
        for given in test["given"]:
            if found := re.fullmatch(r"source\('(\w+)', '(\w+)'\)", given["input"]):
                yield from (Column(f"source.streaming_kpis.{found[1]}.{found[2]}", name) for name in _columns(given))


def _columns(fixture: dict) -> set[str]:
    rows = fixture["rows"]
    if isinstance(rows, str):
        return set(rows.splitlines()[0].split(","))
    return {name for row in rows for name in row}


def is_read(column: dict) -> bool:
    """Whether a model reads a landed column; what no model reads has nothing that a test could hold it to."""
    return (column.get("config") or {}).get("meta", {}).get("is_read", True)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_starts_with_its_grain(table: str) -> None:
    description = TABLES[table]["description"]
    if table.startswith("model."):
        assert description.startswith("One row is "), description
        assert "It answers: " in description and "?" in description, "which question does it answer?"
    else:
        assert "One row is " in description, description


def test_every_column_is_described() -> None:
    assert not [column for column, node in COLUMNS.items() if not node["description"].strip()]


def test_what_is_said_twice_is_said_in_one_place() -> None:
    said = Counter(node["description"] for node in COLUMNS.values() if not node.get("doc_blocks"))
    assert not [text for text, times in said.items() if times > 1], "a doc block in models/columns.md says it once"


def test_every_column_is_tested() -> None:
    tested = set(columns_of_data_tests()) | set(columns_of_unit_tests())
    untested = {column for column, node in COLUMNS.items() if is_read(node)} - tested
    assert not untested, "\n".join(f"{table}.{name}" for table, name in sorted(untested))


def test_a_column_that_is_not_read_stands_in_no_model() -> None:
    code = " ".join(node["raw_code"] for node in MODELS.values() if "staging" in node["fqn"])
    assert not [column for column, node in COLUMNS.items() if not is_read(node) and column.name in words_of(code)]


def test_every_model_is_tested_as_a_whole() -> None:
    """By a data test of its rows or by a unit test of its formula."""
    tested = {test["attached_node"] for test in DATA_TESTS if test.get("attached_node")}
    tested |= {f"model.streaming_kpis.{test['model']}" for test in MANIFEST["unit_tests"].values()}
    assert set(MODELS) <= tested


def test_a_test_reads_as_a_sentence() -> None:
    generated = [
        test["name"]
        for test in DATA_TESTS
        if (metadata := test.get("test_metadata"))
        and metadata["name"] not in NAMED_BY_DBT
        and re.match(rf"(source_)?{metadata['name']}_", test["name"])
    ]
    assert not generated, f"give these a name that says what holds: {generated}"
    shortened = [test["name"] for test in DATA_TESTS if test["alias"] != test["name"]]
    assert not shortened, f"these are so long that dbt ends them in a hash: {shortened}"


@pytest.mark.parametrize("exposure", MANIFEST["exposures"].values(), ids=lambda exposure: exposure["name"])
def test_an_exposure_says_who_reads_what(exposure: dict) -> None:
    assert exposure["description"] and exposure["label"] and exposure["maturity"] and exposure["owner"]["name"]
    assert exposure["depends_on"]["nodes"]


def test_every_kpi_is_exposed() -> None:
    exposed = {node for exposure in MANIFEST["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    assert {name for name, node in MODELS.items() if "marts" in node["fqn"]} <= exposed


def test_every_layer_has_its_colour() -> None:
    colours = {node["fqn"][1:-1][-1]: node["config"]["docs"]["node_color"] for node in MODELS.values()}
    assert all(colours.values())
    assert len(set(colours.values())) == len(colours) == 4


def test_links_in_descriptions_lead_somewhere() -> None:
    pages = TABLES.keys() | MANIFEST["exposures"].keys()
    described = [MANIFEST["docs"]["doc.streaming_kpis.__overview__"]["block_contents"]]
    described += [
        node["description"] for node in [*TABLES.values(), *MANIFEST["exposures"].values(), *COLUMNS.values()]
    ]
    links = [link for text in described for link in re.findall(r"\(#!/(\w+)/([\w.]+)\)", text)]
    assert len(links) > 10
    assert not [link for kind, link in links if link not in pages or not link.startswith(f"{kind}.")]
