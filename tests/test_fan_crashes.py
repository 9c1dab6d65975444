"""A finished branch of a fan-out is not run again, whatever happens to the process.

All kills: ``python tests/fanning.py``.
"""

import statistics

import pytest
from fanning import again

FEW = 5
"""Of some 350 finished; without a journal nearly all run again. They had not been written yet when the kill came."""


@pytest.mark.slow
@pytest.mark.parametrize(("way", "linger"), [("sync", 0), ("sync", 1), ("async limited", 1)])
def test_of_a_killed_fan_out_few_finished_branches_run_again(way: str, linger: float) -> None:
    assert statistics.median(again(way, linger=linger) for _ in range(3)) <= FEW
