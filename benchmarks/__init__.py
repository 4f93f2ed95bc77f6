"""What the figures in the README are measured by: a module for each, run as ``python -m benchmarks.NAME``."""
