"""A process may be killed, or lose its power, at any moment: the run goes on to the end that it would have had.

The full campaign: ``python tests/crashes.py --kills 500 --statements --tears 500``.
"""

import os

import pytest
from processes import program

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")


def driven(*arguments: str) -> str:
    """Run the driver in a process of its own, which forks before any thread is started."""
    done = program("import crashes; crashes.main()", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_runs_killed_at_random_moments_end_as_they_would_have() -> None:
    assert "All held" in driven("--kills", "25", "--seed", "1000")


@pytest.mark.slow
def test_a_run_killed_before_a_statement_ends_as_it_would_have() -> None:
    assert "All held" in driven("--kills", "0", "--statements", "--every", "11")


def test_a_power_cut_takes_nothing_that_was_promised() -> None:
    assert "All held" in driven("--kills", "0", "--tears", "50")
