"""A failed unit test as a table: what was expected, and what the model gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from workbench.dbt import Dbt
from workbench.tables import rows_as_table

_MOST_ROWS = 1000
_SIDE = "actual_or_expected"

Row = dict[str, Any]


def difference(dbt: Dbt, node: Any, key: Sequence[str]) -> list[Table]:
    """Return the values that differ, and the rows that only one side has.

    dbt keeps of a failed unit test nothing but a picture, which hides columns; so its query is sent once more.

    Args:
        dbt: The project.
        node: The unit test's node.
        key: The columns that name a row of the model, as far as the test expects them.
    """
    rows = dbt.show("--inline-direct", _query(node), limit=_MOST_ROWS)
    expected = [_without_side(row) for row in rows if row[_SIDE] == "expected"]
    given = [_without_side(row) for row in rows if row[_SIDE] == "actual"]
    key = [name for name in key if rows and name in rows[0]]
    if not (key and _names_rows(expected, key) and _names_rows(given, key)):
        key = []
    pairs = _pairs(expected, given, key)
    values = [
        {**{name: wanted[name] for name in key}, "column": name, "expected": wanted[name], "given": got[name]}
        for wanted, got in pairs
        for name in wanted
        if wanted[name] != got[name]
    ]
    lonely = _minus(expected, [wanted for wanted, _ in pairs], "expected")
    lonely += _minus(given, [got for _, got in pairs], "given")
    return [rows_as_table(each) for each in (values, lonely) if each]


def _query(node: Any) -> str:
    # Where dbt writes the statement that it sends.
    return Path(node.build_path).read_text()


def _without_side(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != _SIDE}


def _names_rows(rows: Sequence[Row], key: Sequence[str]) -> bool:
    return len({tuple(row[name] for name in key) for row in rows}) == len(rows)


def _pairs(expected: Sequence[Row], given: Sequence[Row], key: Sequence[str]) -> list[tuple[Row, Row]]:
    """Return the rows of both sides that have the same key; without a key, those that are the same."""
    if key:
        by_key = {tuple(row[name] for name in key): row for row in given}
        found = ((row, by_key.get(tuple(row[name] for name in key))) for row in expected)
        return [(row, other) for row, other in found if other is not None]
    left = list(given)
    pairs = []
    for row in expected:
        if row in left:
            left.remove(row)
            pairs.append((row, row))
    return pairs


def _minus(rows: Sequence[Row], paired: Sequence[Row], side: str) -> list[Row]:
    taken = Counter(tuple(row.items()) for row in paired)
    lonely = []
    for row in rows:
        if taken[tuple(row.items())]:
            taken[tuple(row.items())] -= 1
        else:
            lonely.append({"only": side, **row})
    return lonely
