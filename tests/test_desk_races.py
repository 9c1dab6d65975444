"""Exactly one decision and one effect for each gate, however many decide, and wherever a worker is killed.

All thousand gates: ``TREADLE_FULL=1``, or ``python tests/desk_races.py``.
"""

import os
from pathlib import Path

import pytest
from desk_races import finished, killed, race

GATES = 1000 if "TREADLE_FULL" in os.environ else 150


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_processes_that_race_over_gates_make_one_decision_and_one_effect_of_each(tmp_path: Path) -> None:
    done = race(tmp_path, gates=GATES, processes=8)
    assert (done["decisions"], done["decided"], done["effects"]) == (GATES, GATES, GATES)
    assert done["told"] > 0  # they did meet


@pytest.mark.slow
def test_a_worker_killed_anywhere_between_decision_and_end_loses_and_doubles_nothing(tmp_path: Path) -> None:
    statement, before, after = 1, 0, 0
    while True:
        folder = tmp_path / str(statement)
        folder.mkdir()
        died, effects = killed(folder, statement)
        ended, made = finished(folder)
        assert [(one.by, one.applied_at is not None) for one in made] == [("ann", True)], statement
        if not died:
            break
        # An effect is at least once: one that happened just before the kill, its result not yet stored, comes again.
        # Before it happened it comes exactly once.
        assert len(ended) == 1 or effects, (statement, effects, ended)
        assert len(ended) <= 1 + len(effects)
        before, after, statement = before + (not effects), after + bool(effects), statement + 1
    assert ended == ["0 approve ann"]
    assert before >= 10
    assert after >= 3
