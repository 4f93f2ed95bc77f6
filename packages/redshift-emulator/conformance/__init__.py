"""Other people's suites of tests, run against the emulator."""
