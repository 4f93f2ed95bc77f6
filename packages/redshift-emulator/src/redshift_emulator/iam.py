"""Moto's Redshift, made to fit the emulator: GetClusterCredentials, and the Data API.

Moto's GetClusterCredentials answers a random password that nobody keeps, and its Data API leaves each statement in
STARTED, so that a client waits for ever: it is refused by name. `install` is for the process that runs moto; that
process and the emulator share REDSHIFT_PASSWORD, which signs the passwords.
"""

from __future__ import annotations

import os
from typing import Any

from .errors import missing
from .server import login


def install() -> None:
    """Make moto, in this process, hand out passwords that the emulator accepts, and refuse the Data API."""
    from moto.redshift.models import RedshiftBackend
    from moto.redshiftdata.exceptions import ValidationException
    from moto.redshiftdata.models import RedshiftDataAPIServiceBackend

    original = RedshiftBackend.get_cluster_credentials

    def signed(
        self: RedshiftBackend, cluster_identifier: str, db_user: str, auto_create: bool, duration_seconds: int
    ) -> dict[str, Any]:
        answer = original(self, cluster_identifier, db_user, auto_create, duration_seconds)
        secret = os.environ["REDSHIFT_PASSWORD"]
        return answer | {"DbPassword": login.temporary_password(secret, answer["DbUser"], duration_seconds)}

    def refused(*arguments: Any, **options: Any) -> None:
        raise ValidationException(missing("the Data API").message)

    RedshiftBackend.get_cluster_credentials = signed
    RedshiftDataAPIServiceBackend.execute_statement = refused
