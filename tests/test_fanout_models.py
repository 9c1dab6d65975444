"""A fan-out does what a simple model of it says, for any items, failures, limits and quorums."""

import asyncio
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import fan_out
from treadle.errors import BranchesFailed, QuorumNotMet
from treadle.nodes import step
from treadle.nodes.retries import Retry

ITEMS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=80)
"""What an item is, and how often its branch fails before it succeeds."""


@given(
    items=ITEMS,
    attempts=st.integers(1, 3),
    limit=st.integers(1, 8),
    need=st.none() | st.floats(0, 1) | st.integers(0, 5),
    on_error=st.sampled_from(["keep", "raise", 0.5]),
    lanes=st.booleans(),
    pure=st.booleans(),
    ahead=st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_a_fan_out_does_what_its_model_says(
    items: list[tuple[int, int]],
    attempts: int,
    limit: int,
    need: Any,
    on_error: Any,
    lanes: bool,
    pure: bool,
    ahead: bool,
) -> None:
    calls: Counter[int] = Counter()
    numbered = [(*item, 0 if pure else place) for place, item in enumerate(items)]

    async def soon(item: tuple[int, int, int]) -> int:
        calls[hash(item)] += 1
        if calls[hash(item)] <= item[1]:
            raise ConnectionError("lost")
        return item[0]

    def now(item: tuple[int, int, int]) -> int:
        calls[hash(item)] += 1
        if calls[hash(item)] <= item[1]:
            raise ConnectionError("lost")
        return item[0]

    graph = fan_out(
        step(soon if ahead else now, name="work"),
        over="items",
        attempts=Retry(attempts=attempts, first=0, budget=10),
        limit=limit,
        need=need,
        on_error=on_error,
        lanes=lanes,
        pure=pure,
    ).compile()
    good = [fails < attempts for _, fails in items]
    least = min(1, len(items)) if need is None else math.ceil(need * len(items)) if isinstance(need, float) else need
    failed = good.count(False)
    too_many = on_error != "keep" and failed > (0 if on_error == "raise" else on_error * len(items))
    try:
        done = asyncio.run(graph.ainvoke({"items": numbered})) if ahead else graph.invoke({"items": numbered})
    except QuorumNotMet:
        assert sum(good) < least
    except BranchesFailed:
        assert too_many
    else:
        outcomes = done["results_outcomes"]
        assert [outcome["index"] for outcome in outcomes] == list(range(len(items)))
        for outcome, item, fine in zip(outcomes, items, good, strict=True):
            assert outcome["status"] in ("cancelled", "success" if fine else "failure")
            if outcome["status"] == "success":
                assert outcome["value"] == item[0]
                assert outcome["attempts"] == item[1] + 1
        succeeded = [outcome["value"] for outcome in outcomes if outcome["status"] == "success"]
        assert done["results"] == succeeded
        assert len(succeeded) >= least
        if not need:
            assert all(outcome["status"] != "cancelled" for outcome in outcomes)


def test_the_model_knows_that_nothing_is_lost_among_equal_failures() -> None:
    graph = fan_out(step(lambda item: 1 // item, into="out", name="work"), over="items", need=0).compile()
    with pytest.raises(QuorumNotMet):
        fan_out(step(lambda item: 1 // item, into="out", name="work"), over="items").compile().invoke({"items": [0]})
    assert len(graph.invoke({"items": [0] * 70})["results_outcomes"]) == 70
