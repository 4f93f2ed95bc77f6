"""Small raw files for the tests, written as lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from .kpis import Batch, Catalogue, Listen, catalogue, classify

LOADED_AT = datetime(2024, 7, 1, 12)
STREAMS = "user_id,track_id,listen_time"
SONGS = "id,track_id,artists,track_name,popularity,duration_ms,track_genre"
USERS = "user_id,user_name,user_age,user_country,created_at"


def file_of(header: str, lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in (header, *lines)).encode()


def listens_of(*lines: str) -> list[Listen]:
    return classify([Batch(LOADED_AT, [file_of(STREAMS, lines)])]).listens


def catalogue_of(*lines: str) -> Catalogue:
    return catalogue(file_of(SONGS, lines))
