"""A few rounds of the soak; `make soak` runs the rest."""

from __future__ import annotations

import pytest

from local.stack import Stack
from tests.faults.redshift_proxy import RedshiftProxy
from tests.faults.s3_proxy import S3Proxy
from tests.faults.soak import Soak

pytestmark = pytest.mark.slow


def test_random_faults_lose_nothing(stack: Stack, redshift_proxy: RedshiftProxy, s3_proxy: S3Proxy) -> None:
    soak = Soak(stack, redshift_proxy, s3_proxy, seed=5)
    soak.run(faults=6)
    assert soak.injected.total() >= 6
