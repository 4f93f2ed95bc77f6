"""An emulator of Amazon Redshift: its protocol, SQL, COPY and catalogue over an embedded PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .emulator import RedshiftEmulator

__all__ = ["RedshiftEmulator"]


def __getattr__(name: str) -> Any:
    # On first use, because pytest imports this package for its plugin in every run, and the SQL parser takes a while.
    if name == "RedshiftEmulator":
        from .emulator import RedshiftEmulator

        return RedshiftEmulator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
