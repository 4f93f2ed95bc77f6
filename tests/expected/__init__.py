"""The expected results, computed from the raw files without the project's models: see `kpis`."""
