"""Redshift's SQL: it is read, checked, and written as PostgreSQL's."""
