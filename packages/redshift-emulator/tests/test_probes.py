"""The probe table, through redshift_connector."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from covered import README, with_table
from emulator_client import Refused
from redshift_emulator.probes import PROBES, SETUP, Probe, Refusal


@pytest.fixture(scope="module")
def probed(connect) -> Iterator:
    client = connect()
    client("create schema probes")
    client("set search_path to probes")
    for statement in SETUP:
        client(statement)
    yield client
    client("drop schema probes cascade")
    client.connection.close()


# A probe may read what the one before it made, and xdist keeps together what has the same name before the last '::'.
IDS = [f"{probe.section}: {probe.statement}"[:100].replace("::", ":") for probe in PROBES]


@pytest.mark.parametrize("probe", PROBES, ids=IDS)
def test_probe(probed, probe: Probe) -> None:
    *before, statement = probe.statements
    for sql in before:
        probed(sql)
    if isinstance(probe.expected, Refusal):
        with pytest.raises(Refused) as caught:
            probed(statement)
        assert (caught.value.code, caught.value.text) == (probe.expected.code, probe.expected.text)
        return
    rows = probed(statement)
    expected = probe.expected if isinstance(probe.expected, list) else [(probe.expected,)]
    assert rows == expected


def test_a_position_is_that_of_the_clients_text(probed) -> None:
    statement = "select nvl(amount, 0), sum(amount) over (order by id) from sales"
    with pytest.raises(Exception) as caught:
        probed(statement)
    assert statement[int(caught.value.position) - 1 :].startswith("sum")
    statement = 'select nvl(amount, 0), "Missing" from sales'
    with pytest.raises(Exception) as caught:
        probed(statement)
    assert statement[int(caught.value.position) - 1 :].lower().startswith('"missing"')


def test_the_table_is_large_enough() -> None:
    assert len({probe.statement for probe in PROBES}) == len(PROBES) >= 150


def test_the_readme_has_the_table_of_these_tests() -> None:
    text = README.read_text()
    assert with_table(text) == text, "run python tests/covered.py"
