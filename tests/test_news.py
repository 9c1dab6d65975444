"""How far a fan-out is: told to listeners, drawn on a terminal, kept for the page of another process."""

import asyncio
import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from gated import until
from langchain_core.runnables import RunnableConfig
from rich.console import Console
from streamlit.testing.v1 import AppTest

from treadle import fan_out
from treadle.checkpoints.layouts.news import news
from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs.bars import bars
from treadle.graphs.scatters.paces import News, listening, words
from treadle.nodes import step

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}


def square(n: int) -> int:
    if n < 0:
        raise ValueError("negative")
    return n * n


def test_whoever_listens_hears_how_far_every_fan_out_is() -> None:
    heard: list[News] = []
    inner = fan_out(step(square), over="row", item="n", into="squares", every=0)
    graph = fan_out(inner, over="rows", item="row", every=0).compile()
    with listening(heard.append):
        graph.invoke({"rows": [[1, 2], [3, -1]]})
    last = {one["place"]: one for one in heard if one["name"] == "squares"}
    assert sorted((one["done"], one["failed"], one["total"]) for one in last.values()) == [(1, 1, 2), (2, 0, 2)]
    heard.clear()
    graph.invoke({"rows": [[1]]})
    assert heard == []


@pytest.mark.parametrize("ahead", [False, True])
def test_news_tell_how_long_the_slow_ones_take(ahead: bool) -> None:
    async def nap(n: int) -> int:
        await asyncio.sleep(0.3 if n == 7 else 0.01)
        return n

    worker = step(nap) if ahead else step(lambda n: time.sleep(0.3 if n == 7 else 0.01), into="out", name="w")
    graph = fan_out(worker, over="ns", item="n", every=0).compile()
    heard: list[News] = []
    with listening(heard.append):
        _ = asyncio.run(graph.ainvoke({"ns": [*range(20)]})) if ahead else graph.invoke({"ns": [*range(20)]})
    last = heard[-1]
    assert 0.01 <= (last["p50"] or 0) <= (last["p95"] or 0) <= (last["p99"] or 0)
    assert (last["p99"] or 0) >= 0.3
    assert f"p95 {last['p95']:.2g} s" in words([last])
    assert all(0 < one["p50"] <= one["p99"] for one in heard if one["p50"] and one["p99"])


def test_equal_items_and_the_cancelled_do_not_count_as_fast() -> None:
    heard: list[News] = []
    over = threading.Event()
    graph = fan_out(
        step(lambda n: over.wait(n), into="out", name="w"),
        over="ns", item="n", every=0, pure=True, within=1.5, need=0, limit=8,
    ).compile()  # fmt: skip
    with listening(heard.append):
        graph.invoke({"ns": [0.1] * 10 + [30.0, 31.0]})
    over.set()
    assert (heard[-1]["done"], heard[-1]["cancelled"]) == (10, 2)
    assert heard[-1]["p50"] == heard[-1]["p99"] is not None
    nothing = fan_out(step(lambda n: n, into="out", name="w"), over="ns", item="n", every=0, within=1e-9, need=0)
    heard.clear()
    with listening(heard.append):
        nothing.compile().invoke({"ns": [1]})
    assert heard[-1]["p50"] is None or heard[-1]["done"] == 1


@pytest.mark.parametrize("ahead", [False, True])
def test_bars_are_drawn_on_a_terminal_and_only_there(ahead: bool) -> None:
    graph = fan_out(step(square), over="ns", item="n", every=0, limit=2).compile()
    for terminal in (True, False):
        shown = io.StringIO()
        with bars(Console(file=shown, force_terminal=terminal, width=120)):
            given: Any = {"ns": [1, 2, -3, 4]}
            _ = asyncio.run(graph.ainvoke(given)) if ahead else graph.invoke(given)
        assert ("results" in shown.getvalue()) is terminal
        assert ("4/4" in shown.getvalue()) is terminal
        assert ("1 failed" in shown.getvalue()) is terminal


def page(path: str) -> None:
    from treadle.checkpoints.savers import SqliteSaver
    from treadle.ui.fans import under_way

    with SqliteSaver(path) as saver:
        under_way(saver, "t")


def test_the_page_shows_a_fan_out_that_runs_in_another_process(tmp_path: Path) -> None:
    go = threading.Event()

    def work(n: int) -> int:
        if n > 1:
            go.wait(60)
        return square(n)

    path = tmp_path / "t.db"
    with SqliteSaver(path) as saver:
        graph = fan_out(step(work), over="ns", item="n", every=0, limit=4).compile(checkpointer=saver)
        running = threading.Thread(target=graph.invoke, args=({"ns": [0, -1, 2, 3]}, THREAD))
        running.start()
        with SqliteSaver(path) as other:
            until(lambda: [(one["done"], one["failed"]) for one in news(other, "t")] == [(1, 1)])
        seen = AppTest.from_function(page, args=(str(path),)).run(timeout=30)
        assert not seen.exception
        (bar,) = seen.get("progress")
        assert bar.proto.value == 50
        assert "results: 2 of 4; 1 failed" in bar.proto.text
        go.set()
        running.join()
        (last,) = news(saver, "t")
        assert (last["done"], last["failed"], last["running"], last["waiting"]) == (3, 1, 0, 0)
        assert not AppTest.from_function(page, args=(str(path),)).run(timeout=30).get("progress")
        saver.delete_thread("t")
        assert news(saver, "t") == []
