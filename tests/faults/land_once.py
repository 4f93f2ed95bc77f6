"""One landing in a process of its own, to be killed: `python -m tests.faults.land_once TABLE PREFIX RUN_ID`."""

import os
import sys

from tests.faults.in_process import Pipeline

if __name__ == "__main__":
    table, prefix, run_id = sys.argv[1:]
    Pipeline(dict(os.environ), prefix).land(table, run_id)
