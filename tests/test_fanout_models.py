"""A fan-out does what a simple model of it says, for any items, failures, limits and quorums."""

import asyncio
import math
import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import fan_out
from treadle.errors import BranchesFailed, QuorumNotMet
from treadle.nodes import step
from treadle.nodes.limits import Limit
from treadle.nodes.policies.retries import Retry

# What an earlier example left behind may still draw its jitter while Hypothesis draws the next one.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

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


class Throttled(Exception):
    """What a busy service says."""


@given(
    kinds=st.lists(st.sampled_from(["ok", "ok", "ok", "fails", "hangs"]), max_size=20),
    throttles=st.lists(st.integers(0, 19), max_size=3),
    at_once=st.integers(1, 8),
    need=st.none() | st.integers(0, 5),
    ahead=st.booleans(),
)
@settings(deadline=None, max_examples=25)
def test_throttled_items_are_asked_again_and_those_that_hang_are_given_up(
    kinds: list[str], throttles: list[int], at_once: int, need: int | None, ahead: bool
) -> None:
    left, hung = Counter(throttles), threading.Event()

    def refused(place: int) -> bool:
        left[place] -= 1
        return left[place] >= 0

    def ends(place: int, kind: str) -> int:
        if kind == "fails":
            raise ValueError("no")
        return place

    def now(item: tuple[int, str]) -> int:
        if refused(item[0]):
            raise Throttled("slow down")
        if item[1] == "hangs":
            hung.wait(30)
        return ends(*item)

    async def soon(item: tuple[int, str]) -> int:
        if refused(item[0]):
            raise Throttled("slow down")
        if item[1] == "hangs":
            await asyncio.sleep(30)
        return ends(*item)

    shared, hangs = Limit("a service", concurrency=at_once), "hangs" in kinds
    graph = fan_out(
        step(soon if ahead else now, name="work"),
        over="items", limit=at_once, limits=[shared], need=need, within=0.2 if hangs else None,
    ).compile()  # fmt: skip
    given_ = {"items": list(enumerate(kinds))}
    least = min(1, len(kinds)) if need is None else need
    try:
        done = asyncio.run(graph.ainvoke(given_)) if ahead else graph.invoke(given_)
    except QuorumNotMet:
        assert hangs or kinds.count("ok") < least
        return
    finally:
        hung.set()
    outcomes = done["results_outcomes"]
    assert [outcome["index"] for outcome in outcomes] == list(range(len(kinds)))
    final = {"ok": "success", "fails": "failure", "hangs": "cancelled"}
    early = hangs or (need and kinds.count("ok") >= need)
    for outcome, kind in zip(outcomes, kinds, strict=True):
        assert outcome["status"] == final[kind] or (early and outcome["status"] == "cancelled")
        if outcome["status"] != "cancelled":
            assert outcome["attempts"] == 1 + throttles.count(outcome["index"])
    assert done["results"] == [one["value"] for one in outcomes if one["status"] == "success"]
    assert len(done["results"]) >= least
    if not early:
        assert shared.state.refused == sum(place < len(kinds) for place in throttles)
        assert shared.state.running == shared.state.waiting == 0
