"""Whatever runs on langgraph-checkpoint-sqlite runs on treadle's checkpointer, and looks the same."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from features import FEATURES, at
from oddities import ODD, given
from peers import difference, ours, theirs
from wilds import differing

WORLDS = [("sync", "sync"), ("sync", "exit"), ("async", "async")]


@pytest.mark.parametrize(("api", "durability"), WORLDS)
@pytest.mark.parametrize("name", FEATURES)
def test_a_scenario_looks_the_same_on_both(tmp_path: Path, name: str, api: Any, durability: Any) -> None:
    assert difference(FEATURES[name], tmp_path, api, durability) is None


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 6, 7, 8, 12])
def test_a_random_graph_looks_the_same_on_both_whatever_is_done_to_it(seed: int) -> None:
    assert differing(seed) is None


@pytest.mark.parametrize("name", ODD)
def test_an_odd_value_comes_back_as_it_does_from_the_other(tmp_path: Path, name: str) -> None:
    assert difference(given(ODD[name]), tmp_path, "sync", "sync") is None


@pytest.mark.parametrize("value", [1 + 2j, Fraction(1, 3), 2**64, range(3), len, object(), np.float64(1)], ids=type)
def test_what_neither_can_store_is_refused_with_the_name_of_its_field(tmp_path: Path, value: Any) -> None:
    told = []
    for world in (theirs, ours):
        with world(tmp_path / f"{world.__name__}.db", "sync", "sync") as use:
            with pytest.raises(TypeError) as caught:
                list(given(value)(use))
            told.append(str(caught.value))
            assert use.saver.get_tuple(at()) is None or use(use.saver, "list", at())[0].metadata["step"] < 1
    assert told[0] == told[1]
    assert "the value of 'v'" in "".join(caught.value.__notes__)
