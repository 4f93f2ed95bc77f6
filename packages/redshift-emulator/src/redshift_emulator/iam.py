"""GetClusterCredentials of moto, made so that the emulator can check the password that it hands out.

Moto's own answer is a random password that nobody keeps. `install` is for the process that runs moto; that process and
the emulator share REDSHIFT_PASSWORD, which signs the passwords.
"""

from __future__ import annotations

import os
from typing import Any

from .server import login


def install() -> None:
    """Make moto's GetClusterCredentials, in this process, hand out passwords that the emulator accepts."""
    from moto.redshift.models import RedshiftBackend

    original = RedshiftBackend.get_cluster_credentials

    def signed(
        self: RedshiftBackend, cluster_identifier: str, db_user: str, auto_create: bool, duration_seconds: int
    ) -> dict[str, Any]:
        answer = original(self, cluster_identifier, db_user, auto_create, duration_seconds)
        secret = os.environ["REDSHIFT_PASSWORD"]
        return answer | {"DbPassword": login.temporary_password(secret, answer["DbUser"], duration_seconds)}

    RedshiftBackend.get_cluster_credentials = signed
