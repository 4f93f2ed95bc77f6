"""Landing: which files are new, are they what they should be, and one transaction that loads and records them."""

from kpi_pipeline.landing.errors import LandingError
from kpi_pipeline.landing.land import Landing, land
from kpi_pipeline.landing.tables import TABLES

__all__ = ["TABLES", "Landing", "LandingError", "land"]
