"""A pull request's build: what it changes and what depends on that, and everything else as the base has it."""

import json

import pytest
import yaml

from deploy import slim_ci, warehouse
from deploy.errors import DeployError

# The songs' side of the project, and what it wants: enough for a change to have something above and below it.
KEPT = {
    "stg_songs",
    "stg_streams",
    "int_batches_due",
    "int_streams_due",
    "fct_listens",
    "dim_songs",
    "int_track_artists",
}
DESCRIBED = {"landing.yml", "bookkeeping.yml", "columns.md", "overview.md"}
CHANGED = {"dim_songs", "int_track_artists"}


@pytest.fixture
def songs(repository):
    """The repository with a part of its models and no unit tests: all of them take most of a minute."""
    project = repository.path / "dbt_project"
    for path in [*(project / "models").rglob("*.*"), *(project / "tests").glob("*.sql")]:
        if path.is_file() and path.stem not in KEPT and path.name not in DESCRIBED:
            path.unlink()
    for path in (project / "models").rglob("*.yml"):
        content = yaml.safe_load(path.read_text())
        content.pop("unit_tests", None)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
    repository.commit()
    return repository


def test_only_a_changed_model_and_what_depends_on_it_are_built(fresh_stack, songs, state_root):
    songs.append("dbt_project/models/marts/core/dim_songs.sql", "\n-- another body\n")
    state, steps = state_root / "slim-ci", []
    assert slim_ci.compare(fresh_stack, songs.path, "main", state, steps.append) == 0
    assert steps[0].startswith("building the models of main (")
    ran = json.loads((state / "target" / "run_results.json").read_text())
    nodes = [result["unique_id"].split(".") for result in ran["results"]]
    assert {name for kind, _, name, *_ in nodes if kind == "model"} == CHANGED
    assert "test" in {kind for kind, *_ in nodes}
    query = warehouse.Connection(fresh_stack.connect()).query
    relations = (
        "select tablename from pg_tables where schemaname = '{0}'"
        " union all select viewname from pg_views where schemaname = '{0}'"
    )
    built, base = ({name for (name,) in query(relations.format(schema))} for schema in ("pull_request", "analytics"))
    assert base >= KEPT and built & KEPT == CHANGED
    # The songs come through the base's stg_songs: the pull request's schema has none.
    songs_of = "select count(*) from {}.dim_songs"
    assert query(songs_of.format("pull_request")) == query(songs_of.format("analytics")) != [(0,)]
    fresh_stack.reset()


def test_a_base_that_is_none_is_one_sentence(fresh_stack, repository, tmp_path):
    with pytest.raises(DeployError, match=r"git knows no version 'nowhere'"):
        slim_ci.compare(fresh_stack, repository.path, "nowhere", tmp_path, print)
