"""Whatever runs on langgraph-checkpoint-sqlite runs on treadle's checkpointer, and looks the same."""

import os
from pathlib import Path
from typing import Any

import pytest
from features import FEATURES
from peers import Scenario, ours, seen, theirs

WORLDS = [("sync", "sync"), ("sync", "exit"), ("async", "async"), ("async", "exit")]


def compare(scenario: Scenario, folder: Path, api: Any, durability: Any, **how: Any) -> None:
    """Run a scenario on both, and say where they differ first."""
    with theirs(folder / "theirs.db", api, durability, **how) as world:
        expected = seen(scenario, world)
    with ours(folder / "ours.db", api, durability, **how) as world:
        found = seen(scenario, world)
    for place, (one, other) in enumerate(zip(found, expected, strict=False)):
        since = len(os.path.commonprefix((one, other)))
        assert one == other, (place, since, one[max(0, since - 200) : since + 400], other[since : since + 400])
    assert len(found) == len(expected)


@pytest.mark.parametrize(("api", "durability"), WORLDS)
@pytest.mark.parametrize("name", FEATURES)
def test_a_scenario_looks_the_same_on_both(tmp_path: Path, name: str, api: str, durability: str) -> None:
    compare(FEATURES[name], tmp_path, api, durability)
