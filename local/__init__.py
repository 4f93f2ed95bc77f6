"""The whole system on one machine: S3, Redshift and Airflow, sample data, and one command line (`python -m local`)."""
