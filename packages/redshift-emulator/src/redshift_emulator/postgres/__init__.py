"""The embedded PostgreSQL: its data directory and process, and connections to it."""
