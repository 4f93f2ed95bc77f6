"""COPY: objects are streamed from S3 into a table, and what cannot be loaded is reported."""
