"""What the DAG ``streaming_kpis`` is made of."""
