"""One warehouse for the tests of landing; each test has empty landing tables and a prefix of its own in the bucket."""

from __future__ import annotations

import uuid

import pytest

from local.stack import Stack
from tests.faults.in_process import Pipeline

TABLES = ("streams", "songs", "users", "loaded_files", "refused_lines", "whole_listings")


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> Pipeline:
    """The landing tables, and the views of the staging models above them."""
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    staged = pipeline.dbt("run", "--select", "staging")
    assert staged.success, staged.exception
    return pipeline


@pytest.fixture
def pipeline(warehouse: Pipeline) -> Pipeline:
    for table in TABLES:
        warehouse.query(f"delete from landing.{table}")
    warehouse.prefix = f"{uuid.uuid4().hex}/"
    return warehouse
