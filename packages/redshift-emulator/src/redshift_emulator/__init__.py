"""An emulator of Amazon Redshift: its protocol, SQL, COPY and catalogue over an embedded PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .emulator import RedshiftEmulator
    from .knobs import Fault, Knobs

__all__ = ["Fault", "Knobs", "RedshiftEmulator"]


def __getattr__(name: str) -> Any:
    # On first use, because pytest imports this package for its plugin in every run, and the SQL parser takes a while.
    if name == "RedshiftEmulator":
        from .emulator import RedshiftEmulator

        return RedshiftEmulator
    if name in ("Fault", "Knobs"):
        from . import knobs

        return getattr(knobs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
