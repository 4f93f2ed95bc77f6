"""The docs as a reader needs them: nothing without a description, nothing untested, no name that only dbt can read.

The rules are in `workbench/rules.py`: `make lint` and `make check` apply them too, on the manifest alone. No tool was
found that sees unit tests as well as data tests, and needs neither a warehouse nor another version of a library that is
pinned here.
"""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.environment import DBT_PROJECT
from workbench.rules import findings

MANIFEST = json.loads((DBT_PROJECT / "target" / "manifest.json").read_text())
MODELS = {name: node for name, node in MANIFEST["nodes"].items() if node["resource_type"] == "model"}
KPI = "model.streaming_kpis.genre_kpis_daily"
YML = "dbt_project/models/marts/kpis/genre_kpis_daily.yml"
EXPOSURES = "dbt_project/models/marts/exposures.yml"


def test_no_rule_is_broken() -> None:
    assert not findings(MANIFEST), "\n".join(map(str, findings(MANIFEST)))


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def edit(manifest: dict[str, Any]) -> None:
        *parents, last = path.split("/")
        place = manifest
        for part in parents:
            place = place[part]
        place[last] = value

    return edit


def _unexpose(manifest: dict[str, Any]) -> None:
    for exposure in manifest["exposures"].values():
        exposure["depends_on"]["nodes"] = [node for node in exposure["depends_on"]["nodes"] if node != KPI]


def _untest(manifest: dict[str, Any]) -> None:
    manifest["nodes"] = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] != "test"}
    manifest["unit_tests"] = {}


def _unnamed(manifest: dict[str, Any]) -> None:
    test = next(
        node for node in manifest["nodes"].values() if node["name"].endswith("listen_share_is_above_0_and_at_most_1")
    )
    test["name"] = test["alias"] = "expression_is_true_genre_kpis_daily_listen_share"


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], None], str, str]] = {
    "no grain": (_set(f"nodes/{KPI}/description", "Genres."), YML, "start it with 'One row is ...'"),
    "no question": (_set(f"nodes/{KPI}/description", "One row is a day."), YML, "add 'It answers: which ...?'"),
    "no yml": (_set(f"nodes/{KPI}/patch_path", None), "genre_kpis_daily.sql", f"add {YML}"),
    "no type": (_set(f"nodes/{KPI}/columns/listen_share/data_type", None), f"{YML}:", "add `data_type: ...`"),
    "no description": (_set(f"nodes/{KPI}/columns/listen_share/description", ""), f"{YML}:", "add `description: ...`"),
    "untested": (_untest, f"{YML}:", "add `constraints: [{type: not_null}]` below it"),
    "unnamed": (_unnamed, f"{YML}:", "add `name: <model>_<what holds>`"),
    "unexposed": (_unexpose, f"{EXPOSURES}:", "add the line `      - ref('genre_kpis_daily')`"),
    "a dead link": (
        _set(
            f"nodes/{KPI}/description", "One row is a day. It answers: which [one](#!/model/model.streaming_kpis.no)?"
        ),
        YML,
        "leads nowhere",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_breaks_a_rule_is_told_with_its_place_and_the_line_to_add(kind: str) -> None:
    edit, place, sentence = BROKEN[kind]
    manifest = copy.deepcopy(MANIFEST)
    edit(manifest)
    found = [finding for finding in findings(manifest) if sentence in finding.sentence and place in finding.place]
    assert found, "\n".join(map(str, findings(manifest)))


@pytest.mark.parametrize("exposure", MANIFEST["exposures"].values(), ids=lambda exposure: exposure["name"])
def test_an_exposure_says_who_reads_what(exposure: dict) -> None:
    assert exposure["description"] and exposure["label"] and exposure["maturity"] and exposure["owner"]["name"]
    assert exposure["depends_on"]["nodes"]


def test_every_layer_has_its_colour() -> None:
    colours = {node["fqn"][1:-1][-1]: node["config"]["docs"]["node_color"] for node in MODELS.values()}
    assert all(colours.values())
    assert len(set(colours.values())) == len(colours) == 4


def test_descriptions_lead_to_each_other() -> None:
    tables = [*MODELS.values(), *MANIFEST["sources"].values(), *MANIFEST["exposures"].values()]
    described = [MANIFEST["docs"]["doc.streaming_kpis.__overview__"]["block_contents"]]
    described += [node["description"] for node in tables]
    assert len([link for text in described for link in re.findall(r"\(#!/(\w+)/([\w.]+)\)", text)]) > 5
