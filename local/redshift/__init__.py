"""A local stand-in for Amazon Redshift: its wire protocol, dialect, COPY and catalogue over an embedded PostgreSQL."""
