"""The way to production: stacks, files, roles, checks. `python -m deploy --help` lists the commands."""
