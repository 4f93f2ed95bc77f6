from pathlib import Path

from local.demo import batches_so_far
from local.sample import Sample
from local.stack import Stack


def test_each_demo_brings_the_batch_after_those_in_the_bucket(fresh_stack: Stack, tmp_path: Path) -> None:
    for batch in range(3):
        assert batches_so_far(fresh_stack) == batch
        Sample().write(tmp_path / str(batch), batch + 1)
        fresh_stack.put_raw(tmp_path / str(batch))
    assert batches_so_far(fresh_stack) == 3
