"""Landing and the models in a process of their own, to be killed: `python -m tests.faults.run_once`."""

import os

from tests.faults.in_process import Pipeline

if __name__ == "__main__":
    pipeline = Pipeline(dict(os.environ))
    pipeline.land_all()
    pipeline.models()
