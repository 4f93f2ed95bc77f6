"""A pull request's build: what it changes and what depends on that, and everything else as the base has it."""

import json

import pytest

from deploy import slim_ci, warehouse
from deploy.errors import DeployError

CHANGED = {"int_track_artists", "top_artists_per_day"}


def test_only_a_changed_model_and_what_depends_on_it_are_built(fresh_stack, repository, state_root):
    repository.append("dbt_project/models/intermediate/int_track_artists.sql", "\n-- another body\n")
    state, steps = state_root / "slim-ci", []
    assert slim_ci.compare(fresh_stack, repository.path, "main", state, steps.append) == 0
    assert steps[0].startswith("building the models of main (")
    ran = json.loads((state / "target" / "run_results.json").read_text())
    nodes = [result["unique_id"].split(".") for result in ran["results"]]
    assert {name for kind, _, name, *_ in nodes if kind == "model"} == CHANGED
    assert {kind for kind, *_ in nodes} >= {"test", "unit_test"}
    query = warehouse.Connection(fresh_stack.connect()).query
    tables = query("select tablename from pg_tables where schemaname = 'pull_request'")
    assert {name for (name,) in tables} == CHANGED
    # It was built from the base's listens: the pull request's schema has none.
    columns = "listen_date, artist_rank, artist_name, listen_count"
    built, base = (
        query(f"select {columns} from {schema}.top_artists_per_day order by listen_date, artist_rank")
        for schema in ("pull_request", "analytics")
    )
    assert len(built) >= 10 and built == base
    fresh_stack.reset()


def test_a_base_that_is_none_is_one_sentence(fresh_stack, repository, tmp_path):
    with pytest.raises(DeployError, match=r"git knows no version 'nowhere'"):
        slim_ci.compare(fresh_stack, repository.path, "nowhere", tmp_path, print)
