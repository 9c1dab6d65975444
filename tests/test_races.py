"""Eight processes of four threads on one file: nobody meets an error, nothing happens twice.

A minute of it: ``TREADLE_FULL=1``, or ``python tests/races.py``.
"""

import os
from pathlib import Path

import pytest
from races import race


@pytest.mark.slow
def test_processes_that_write_resume_decide_and_list_at_once_harm_nothing(tmp_path: Path) -> None:
    done = race(tmp_path, seconds=60 if "TREADLE_FULL" in os.environ else 5)
    assert done["effects"] > 0
    assert done["decisions"] > 0
