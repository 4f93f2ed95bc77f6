"""Proxies before the session's stack, and a pipeline that goes through them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from local.stack import Stack
from tests.faults.in_process import Pipeline
from tests.faults.redshift_proxy import RedshiftProxy
from tests.faults.s3_proxy import S3Proxy

LANDING_TABLES = ("streams", "songs", "users", "loaded_files", "refused_lines")


@pytest.fixture(scope="session")
def redshift_proxy(stack: Stack) -> Iterator[RedshiftProxy]:
    stack.up()
    with RedshiftProxy(int(stack.client_env()["REDSHIFT_PORT"])) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def s3_proxy(stack: Stack) -> Iterator[S3Proxy]:
    stack.up()
    with S3Proxy(stack.client_env()["AWS_ENDPOINT_URL"]) as proxy:
        yield proxy


@pytest.fixture
def faulty(stack: Stack, redshift_proxy: RedshiftProxy, s3_proxy: S3Proxy) -> Iterator[Pipeline]:
    """A pipeline whose connections go through the proxies."""
    redshift_proxy.calm()
    s3_proxy.calm()
    yield Pipeline.of(stack, REDSHIFT_PORT=str(redshift_proxy.port), AWS_ENDPOINT_URL=s3_proxy.endpoint)
    redshift_proxy.calm()
    s3_proxy.calm()


@pytest.fixture
def views_without_etags(stack: Stack) -> Iterator[None]:
    """Redshift does not name the ETag of what COPY read, so that S3 is asked."""
    file = stack.state / "redshift" / "load_log" / "quirks.json"
    file.write_text('{"no_etags": true}')
    yield
    file.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def landing_tables(stack: Stack) -> Pipeline:
    """Landing tables in an otherwise empty warehouse."""
    stack.reset()
    pipeline = Pipeline.of(stack)
    pipeline.prepare()
    return pipeline


@pytest.fixture
def landing(landing_tables: Pipeline, faulty: Pipeline) -> Pipeline:
    """Empty landing tables and a new prefix; what goes through `faulty` meets faults, what goes through this none."""
    for table in LANDING_TABLES:
        landing_tables.query(f"delete from landing.{table}")
    landing_tables.prefix = faulty.prefix = f"{uuid.uuid4().hex}/"
    return landing_tables
