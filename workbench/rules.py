"""The rules of the docs: each model says its grain, each column is described and tested, each mart has a reader."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.changes import PROJECT
from workbench.explain import place

EXPOSURES = "models/marts/exposures.yml"
READERS = "analysts_queries"

# dbt's own names of these two read as a sentence: not_null_fct_listens_user_id.
_NAMED_BY_DBT = ("not_null", "unique")

Manifest = Mapping[str, Any]
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A rule that is broken.

    Attributes:
        node: The unique id of the model, source, test or exposure that breaks it.
        place: The file, and the lines where they are known.
        sentence: What is missing and which line to add.
    """

    node: str
    place: str
    sentence: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.place}  {self.sentence}"


def findings(manifest: Manifest) -> list[Finding]:
    """Return what breaks a rule, in the order of the rules.

    Args:
        manifest: dbt's manifest, as its JSON.
    """
    rules = (
        _grain,
        _contract,
        _descriptions,
        _repeated,
        _tested,
        _not_read,
        _whole,
        _names,
        _exposures,
        _exposed,
        _links,
    )
    return [finding for rule in rules for finding in rule(manifest)]


def models(manifest: Manifest) -> dict[str, Node]:
    """Return the models by their unique ids."""
    return {name: node for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}


def _tables(manifest: Manifest) -> dict[str, Node]:
    return models(manifest) | manifest["sources"]


def _data_tests(manifest: Manifest) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "test"]


def _columns(manifest: Manifest) -> Iterator[tuple[str, Node, str, Node]]:
    for unique_id, table in _tables(manifest).items():
        for name, column in table["columns"].items():
            yield unique_id, table, name, column


def _yml(node: Node, *words: str) -> str:
    """Return the file that describes a table, and the line of a word; the model's own where none describes it."""
    path = (node.get("patch_path") or node["original_file_path"]).split("://")[-1]
    return place(PROJECT / path, words)


def _is_described(node: Node) -> bool:
    return node["resource_type"] == "source" or bool(node.get("patch_path"))


def _grain(manifest: Manifest) -> Iterator[Finding]:
    for unique_id, node in _tables(manifest).items():
        said = node["description"]
        if not _is_described(node):
            name = node["name"]
            path = node["original_file_path"].removesuffix(".sql")
            yield Finding(
                unique_id,
                f"dbt_project/{node['original_file_path']}",
                f"no .yml describes {name}: add dbt_project/{path}.yml with its description, contract and tests (`make "
                "kpi NAME=...` makes the one of a new KPI).",
            )
        elif node["resource_type"] == "source":
            if "One row is " not in said:
                yield Finding(
                    unique_id, _yml(node, node["name"]), "its description says no grain: add 'One row is ...'."
                )
        elif not said.startswith("One row is "):
            yield Finding(
                unique_id, _yml(node, node["name"]), "its description says no grain: start it with 'One row is ...'."
            )
        elif "It answers: " not in said or "?" not in said:
            yield Finding(
                unique_id,
                _yml(node, node["name"]),
                "its description says no question: add 'It answers: which ...?' to it.",
            )


def _contract(manifest: Manifest) -> Iterator[Finding]:
    for unique_id, node in models(manifest).items():
        for name, column in node["columns"].items():
            if not column.get("data_type"):
                said = f"{name} has no type in the contract: add `data_type: ...` below it."
                yield Finding(unique_id, _yml(node, name), said)


def _descriptions(manifest: Manifest) -> Iterator[Finding]:
    for unique_id, table, name, column in _columns(manifest):
        if not column["description"].strip():
            yield Finding(unique_id, _yml(table, name), f"{name} is not described: add `description: ...` below it.")


def _repeated(manifest: Manifest) -> Iterator[Finding]:
    described = [entry for entry in _columns(manifest) if entry[3]["description"].strip()]
    said = Counter(column["description"] for *_, column in described if not column.get("doc_blocks"))
    for unique_id, table, name, column in described:
        if not column.get("doc_blocks") and said[column["description"]] > 1:
            yield Finding(
                unique_id,
                _yml(table, name),
                f"{name} is described word by word as another column is: say it once in dbt_project/models/columns.md, "
                f"and here `description: '{{{{ doc(\"{name}\") }}}}'`.",
            )


def _tested(manifest: Manifest) -> Iterator[Finding]:
    tested = set(_columns_of_data_tests(manifest)) | set(_columns_of_unit_tests(manifest))
    for unique_id, table, name, column in _columns(manifest):
        if _is_read(column) and not _is_refused_null(column) and (unique_id, name) not in tested:
            add = "`constraints: [{type: not_null}]`" if _has_contract(table) else "`data_tests: [not_null]`"
            yield Finding(
                unique_id,
                _yml(table, name),
                f"{name} is tested by nothing: add {add} below it, or expect it in a unit test.",
            )


def _is_refused_null(column: Node) -> bool:
    """Whether the warehouse refuses a null, which the contract has it do."""
    return any(constraint["type"] == "not_null" for constraint in column.get("constraints") or ())


def _has_contract(table: Node) -> bool:
    """Whether the warehouse holds the rows to the contract: those of a view it does not."""
    return table["resource_type"] == "model" and table["config"]["materialized"] != "view"


def _columns_of_data_tests(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the column of a test on one, and for a test on a table each column that its arguments name."""
    tables = _tables(manifest)
    for test in _data_tests(manifest):
        table = test.get("attached_node") or (test["sources"] and test["depends_on"]["nodes"][0])
        if not table or "test_metadata" not in test or table not in tables:
            continue
        arguments = test["test_metadata"]["kwargs"]
        named = {test["column_name"]} if test.get("column_name") else _words(arguments)
        yield from ((table, name) for name in tables[table]["columns"] if name in named)


def _columns_of_unit_tests(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the columns that a unit test expects, and those of a source that it gives."""
    by_name = {node["name"]: unique_id for unique_id, node in models(manifest).items()}
    for test in manifest["unit_tests"].values():
        yield from ((by_name.get(test["model"], ""), name) for name in _fixture_columns(test["expect"]))
        for given in test["given"]:
            if found := re.fullmatch(r"source\('(\w+)', '(\w+)'\)", given["input"]):
                for unique_id, source in manifest["sources"].items():
                    if (source["source_name"], source["name"]) == found.groups():
                        yield from ((unique_id, name) for name in _fixture_columns(given))


def _fixture_columns(fixture: Node) -> set[str]:
    rows = fixture["rows"]
    if isinstance(rows, str):
        return set(rows.splitlines()[0].split(","))
    return {name for row in rows or () for name in row}


def _words(value: object) -> set[str]:
    return set(re.findall(r"\w+", json.dumps(value)))


def _is_read(column: Node) -> bool:
    """Whether a model reads a landed column; what no model reads has nothing that a test could hold it to."""
    return (column.get("config") or {}).get("meta", {}).get("is_read", True)


def _not_read(manifest: Manifest) -> Iterator[Finding]:
    staging = (node["raw_code"] for node in models(manifest).values() if "staging" in node["fqn"])
    words = _words(" ".join(staging))
    for unique_id, table, name, column in _columns(manifest):
        if not _is_read(column) and name in words:
            yield Finding(unique_id, _yml(table, name), f"{name} says is_read: false, and a staging model reads it.")


def _whole(manifest: Manifest) -> Iterator[Finding]:
    """Each model is tested by a data test of its rows or by a unit test of its formula."""
    tested = {test["attached_node"] for test in _data_tests(manifest) if test.get("attached_node")}
    units = {test["model"] for test in manifest["unit_tests"].values()}
    for unique_id, node in models(manifest).items():
        if _is_described(node) and unique_id not in tested and node["name"] not in units:
            yield Finding(
                unique_id, _yml(node, node["name"]), f"nothing tests {node['name']}: add `data_tests:` to it."
            )


def _names(manifest: Manifest) -> Iterator[Finding]:
    for test in _data_tests(manifest):
        metadata = test.get("test_metadata")
        node = test.get("attached_node") or test["unique_id"]
        if (
            metadata
            and metadata["name"] not in _NAMED_BY_DBT
            and re.match(rf"(source_)?{metadata['name']}_", test["name"])
        ):
            said = f"a test of {metadata['name']} has no name: add `name: <model>_<what holds>` to it."
            yield Finding(node, _yml(test, metadata["name"]), said)
        elif test["alias"] != test["name"]:
            said = f"the name of the test {test['name']} is too long for a table's: add a shorter `name:`."
            yield Finding(node, _yml(test, test["name"]), said)


def _exposures(manifest: Manifest) -> Iterator[Finding]:
    for unique_id, exposure in manifest["exposures"].items():
        lacking = [name for name in ("description", "label", "maturity") if not exposure[name]]
        lacking += [] if exposure["owner"].get("name") else ["owner"]
        lacking += [] if exposure["depends_on"]["nodes"] else ["depends_on"]
        if lacking:
            said = f"the exposure {exposure['name']} lacks {', '.join(lacking)}."
            yield Finding(unique_id, _yml(exposure, exposure["name"]), said)


def _exposed(manifest: Manifest) -> Iterator[Finding]:
    exposed = {node for exposure in manifest["exposures"].values() for node in exposure["depends_on"]["nodes"]}
    for unique_id, node in models(manifest).items():
        if "marts" in node["fqn"] and unique_id not in exposed:
            yield Finding(
                unique_id,
                place(PROJECT / EXPOSURES, [READERS]),
                f"no exposure names {node['name']}: add the line `      - ref('{node['name']}')` to `depends_on` of "
                f"{READERS}.",
            )


def _links(manifest: Manifest) -> Iterator[Finding]:
    pages = _tables(manifest).keys() | manifest["exposures"].keys()
    overview = "doc.streaming_kpis.__overview__"
    described = [(overview, "dbt_project/models/overview.md", manifest["docs"][overview]["block_contents"])]
    for unique_id, node in [*_tables(manifest).items(), *manifest["exposures"].items()]:
        described.append((unique_id, _yml(node, node["name"]), node["description"]))
    for unique_id, table, name, column in _columns(manifest):
        described.append((unique_id, _yml(table, name), column["description"]))
    for unique_id, where, text in described:
        for kind, link in re.findall(r"\(#!/(\w+)/([\w.]+)\)", text):
            if link not in pages or not link.startswith(f"{kind}."):
                yield Finding(unique_id, where, f"the link #!/{kind}/{link} leads nowhere.")


_RULES = (
    *(_grain, _contract, _descriptions, _repeated, _tested, _not_read, _whole, _names),
    *(_exposures, _exposed, _links),
)
