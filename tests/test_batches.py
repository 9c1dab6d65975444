"""Batches group items by number and weight, and find the item that a call fails on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import BranchesFailed, GraphBuildError
from treadle.nodes import step
from treadle.nodes.policies.batches import Batch


@given(st.lists(st.integers(1, 50)), st.integers(1, 7), st.none() | st.integers(1, 60))
def test_every_item_is_in_one_batch_and_no_batch_is_too_large(items: list[int], number: int, most: int | None) -> None:
    groups = Batch(number, weight=float, most=most).groups(items)
    assert sorted(index for group in groups for index in group) == list(range(len(items)))
    assert all(1 <= len(group) <= number for group in groups)
    assert all(len(group) == 1 or most is None or sum(items[i] for i in group) <= most for group in groups)


def test_the_heaviest_items_are_spread_over_the_batches() -> None:
    groups = Batch(3, weight=float).groups([9, 1, 8, 2, 7, 3])
    assert sorted(sum([9, 1, 8, 2, 7, 3][i] for i in group) for group in groups) in ([14, 16], [15, 15])


@pytest.mark.parametrize("runs", ["sync", "async"])
def test_a_batch_that_fails_is_split_to_find_the_item(runs: str) -> None:
    calls: list[list[int]] = []

    def rate(ns: list[int]) -> list[int]:
        calls.append(ns)
        if 5 in ns:
            raise ValueError("five")
        return [n * 10 for n in ns]

    graph: Any = fan_out(step(rate), over="all", item="ns", batch=Batch(4), need=0).compile()
    given = {"all": list(range(8))}
    done = graph.invoke(given) if runs == "sync" else asyncio.run(graph.ainvoke(given))
    assert done["results"] == [0, 10, 20, 30, 40, 60, 70]
    lost = done["results_outcomes"][5]
    assert (lost["index"], lost["status"], lost["error"]["message"]) == (5, "failure", "five")
    assert [outcome["index"] for outcome in done["results_outcomes"]] == list(range(8))


def test_a_worker_that_gives_another_number_of_values_fails_in_words() -> None:
    graph = fan_out(step(lambda ns: [1], into="out", name="odd"), over="all", item="ns", batch=Batch(3), need=0)
    done = graph.compile().invoke({"all": [1, 2]})
    assert done["results"] == [1, 1]
    graph = fan_out(step(lambda ns: 1, into="out", name="odd"), over="all", item="ns", batch=Batch(3), need=0)
    (first, _) = graph.compile().invoke({"all": [1, 2]})["results_outcomes"]
    assert first["error"]["message"] == "worker 'odd' was given 1 items in a batch and gave int"


def test_batches_of_what_cannot_be_batched_are_refused() -> None:
    with pytest.raises(GraphBuildError, match="batches are for"):
        fan_out([step(lambda: 1, into="o", name="w"), step(lambda: 2, into="p", name="v")], batch=Batch(2))
    with pytest.raises(GraphBuildError, match="a batch holds"):
        Batch(0)


@pytest.mark.parametrize("runs", ["sync", "async"])
def test_of_equal_items_one_is_in_a_batch_and_all_count(runs: str) -> None:
    calls: list[list[int]] = []

    def rate(ns: list[int]) -> list[int]:
        calls.append(ns)
        if 5 in ns:
            raise ValueError("five")
        return [n * 10 for n in ns]

    graph: Any = fan_out(step(rate), over="all", item="ns", batch=Batch(2), pure=True, need=5).compile()
    given = {"all": [1, 5, 1, 2, 5, 1, 3]}
    done = graph.invoke(given) if runs == "sync" else asyncio.run(graph.ainvoke(given))
    assert done["results"] == [10, 10, 20, 10, 30]
    assert sorted(n for call in calls for n in call if len(call) == 2) == [1, 2, 3, 5]
    outcomes = done["results_outcomes"]
    assert [(one["index"], one["status"]) for one in outcomes if one["status"] != "success"] == [
        (1, "failure"),
        (4, "failure"),
    ]
    assert [one["index"] for one in outcomes if one.get("cached")] == [2, 4, 5]


def test_batches_with_equal_items_are_recalled_after_a_crash(tmp_path: Path) -> None:
    broken, calls = True, list[list[str]]()

    def rate(names: list[str]) -> list[str]:
        if broken and "d" in names:
            raise TypeError("a bug")
        calls.append(names)
        return [name.upper() for name in names]

    config: RunnableConfig = {"configurable": {"thread_id": "t"}}
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver:
        made = fan_out(step(rate), over="all", item="names", batch=Batch(1), pure=True, limit=1)
        graph = made.compile(checkpointer=saver)
        with pytest.raises(TypeError):
            graph.invoke({"all": ["a", "b", "a", "d"]}, config)
        broken = False
        assert graph.invoke(None, config)["results"] == ["A", "B", "A", "D"]
    assert calls == [["a"], ["b"], ["d"]]


def test_a_failure_inside_a_batch_fails_the_run_that_allows_none_and_is_seen_by_running_joins() -> None:
    def rate(ns: list[int]) -> list[int]:
        if 5 in ns:
            raise ValueError("five")
        return [n * 10 for n in ns]

    strict = fan_out(step(rate), over="all", item="ns", batch=Batch(2), on_error="raise")
    with pytest.raises(BranchesFailed, match=r"1 of 4 branches failed.* item 1: ValueError: five"):
        strict.compile().invoke({"all": [1, 5, 2, 3]})
    told = fan_out(step(rate), over="all", item="ns", batch=Batch(2), every=0, progressive=True, limit=1)
    news = list(told.compile().stream({"all": [1, 5, 2, 3]}, stream_mode="custom"))
    assert news[-1]["joined"] == [10, 20, 30]
    assert (news[-1]["done"], news[-1]["failed"]) == (3, 1)
