"""Failed branches that were kept as outcomes, run again: in a run of its own, which keeps what the others gave."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END
from processes import treadle

from treadle import chain, fan_out, review
from treadle.checkpoints import SqliteSaver, Worker, decide, pending, run
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.desks.events import events
from treadle.checkpoints.ledgers.reruns import rerun
from treadle.errors import RunNotFailed, RunNotFound
from treadle.graphs.runs import start
from treadle.nodes import step


@dataclass(eq=False)
class Flaky:
    """A worker that fails for some items until it is mended, and notes what it was called with."""

    bad: Collection[int] = field(default=(), compare=False)  # no part of the graph's version
    called: list[int] = field(default_factory=list, compare=False)

    def rate(self, item: int) -> int:
        self.called.append(item)
        if item in self.bad:
            raise ConnectionError(f"no answer for {item}")
        return item * 10

    def mended(self) -> None:
        self.bad = ()
        self.called.clear()

    @property
    def step(self) -> Any:
        return step(self.rate, into="rating", name="rate")


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def values(saver: SqliteSaver, graph: Any, thread: str) -> Any:
    return graph.compile(checkpointer=saver).get_state({"configurable": {"thread_id": thread}}).values


def advanced(saver: SqliteSaver, graph: Any) -> int:
    return Worker(saver, lambda name: graph.compile(checkpointer=saver)).once()


def summed(ratings: list[int]) -> int:
    return sum(ratings)


def asks(worker: Any) -> Any:
    """A worker that may stop for a person, so that its branches have checkpoints of their own."""
    return chain(worker, review("rating", when=lambda rating: rating > 1000, reject=END), name="rated")


SHAPES: dict[str, Callable[[Any], Any]] = {
    "steps": lambda worker: fan_out(worker, over="items", item="item", into="ratings"),
    "lanes": lambda worker: fan_out(worker, over="items", item="item", into="ratings", lanes=True),
    "graphs": lambda worker: fan_out(asks(worker), over="items", item="item", into="ratings"),
    "a generator": lambda worker: fan_out(worker, over=lambda items: iter(items), item="item", into="ratings"),
    "a generator of graphs": lambda worker: fan_out(
        asks(worker), over=lambda items: iter(items), item="item", into="ratings"
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_only_the_failed_branches_of_a_run_that_is_done_run_again(saver: SqliteSaver, shape: str) -> None:
    flaky, items = Flaky([3, 70]), list(range(100))
    graph = chain(SHAPES[shape](flaky.step), step(summed, into="total"), name="rating")
    first = start(graph, {"items": items}, saver=saver, name="rating", thread_id="t")
    before = values(saver, graph, "t")
    assert (first.status, sorted(flaky.called)) == ("done", items)
    assert before["total"] == sum(item * 10 for item in items if item not in (3, 70))
    flaky.mended()
    made = rerun(saver, "t", by="ann", why="The service is back.")
    assert (made.parent_thread, made.graph, made.status) == ("t", "rating", "decided")
    assert advanced(saver, graph) == 1
    assert sorted(flaky.called) == [3, 70]
    after = values(saver, graph, made.thread_id)
    assert (after["ratings"], after["total"]) == ([item * 10 for item in items], sum(items) * 10)
    assert values(saver, graph, "t") == before
    assert {run(saver, thread).status for thread in ("t", made.thread_id)} == {"done"}
    (event,) = events(saver, kind="branches again")
    told = {"why": "The service is back.", "target": made.thread_id, "branches": 2}
    assert (event.by, {name: event.content[name] for name in told}) == ("ann", told)
    assert [one for one in checkup(saver) if one.kind != "leftover"] == []


def test_of_a_fan_out_inside_of_a_branch_only_what_failed_there_runs_again(saver: SqliteSaver) -> None:
    flaky, sums = Flaky([3, 8]), list[int]()

    def adding(ratings: list[int]) -> int:
        sums.append(len(ratings))
        return sum(ratings)

    inner = chain(
        fan_out(flaky.step, over="row", item="item", into="ratings"), step(adding, into="total"), name="row_total"
    )
    graph = chain(fan_out(inner, over="rows", item="row", into="totals"), name="table")
    rows = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    start(graph, {"rows": rows}, saver=saver, name="table", thread_id="t")
    assert values(saver, graph, "t")["totals"] == [30, 90, 130]
    flaky.mended()
    sums.clear()
    made = rerun(saver, "t", by="ann")
    assert advanced(saver, graph) == 1
    assert (sorted(flaky.called), sums) == ([3, 8], [3, 3])
    assert values(saver, graph, made.thread_id)["totals"] == [30, 120, 210]


def test_failures_of_a_fan_out_and_of_one_inside_of_it_run_again_together(saver: SqliteSaver) -> None:
    flaky = Flaky([3, 6, 7, 8])
    inner = fan_out(flaky.step, over="row", item="item", into="ratings")
    graph = chain(fan_out(inner, over="rows", item="row", into="totals"), name="table")
    start(graph, {"rows": [[0, 1], [2, 3], [6, 7, 8]]}, saver=saver, name="table", thread_id="t")
    found = values(saver, graph, "t")["totals_outcomes"]
    assert [one["status"] for one in found] == ["success", "success", "failure"]
    flaky.mended()
    made = rerun(saver, "t", by="ann")
    assert advanced(saver, graph) == 1
    assert sorted(flaky.called) == [3, 6, 7, 8]
    assert values(saver, graph, made.thread_id)["totals"] == [[0, 10], [20, 30], [60, 70, 80]]


def test_of_fan_outs_side_by_side_the_others_keep_what_they_gave(saver: SqliteSaver) -> None:
    left, right = Flaky([2]), Flaky()
    one, other = (
        chain(fan_out(flaky.step, over="items", item="item", into=f"{name}_ratings"), name=name)
        for name, flaky in (("left", left), ("right", right))
    )
    graph = chain([one, other], name="both")
    start(graph, {"items": [1, 2, 3]}, saver=saver, name="both", thread_id="t")
    left.mended()
    right.mended()
    made = rerun(saver, "t", by="ann")
    assert advanced(saver, graph) == 1
    assert (left.called, right.called) == ([2], [])
    assert values(saver, graph, made.thread_id)["left_ratings"] == [10, 20, 30]


def test_what_was_decided_in_the_other_branches_is_not_asked_again(saver: SqliteSaver) -> None:
    flaky = Flaky([2])
    worker = chain(flaky.step, review("rating", reject=END), name="rated")
    graph = chain(fan_out(worker, over="items", item="item", into="ratings"), name="rating")
    start(graph, {"items": [1, 2, 3]}, saver=saver, name="rating", thread_id="t")
    for one in pending(saver):
        decide(saver, one.id, "edit", value=one.value["proposal"] + 1, by="ann")
    assert advanced(saver, graph) == 1
    assert run(saver, "t").status == "done"
    flaky.mended()
    made = rerun(saver, "t", by="ann")
    assert advanced(saver, graph) == 1
    (asked,) = pending(saver)
    assert (asked.thread_id, asked.value["proposal"], flaky.called) == (made.thread_id, 20, [2])
    decide(saver, asked.id, "approve", by="ann")
    assert advanced(saver, graph) == 1
    assert values(saver, graph, made.thread_id)["ratings"] == [11, 20, 31]


def test_a_run_that_waits_after_its_fan_out_is_gone_back_in_too(saver: SqliteSaver) -> None:
    flaky = Flaky([2])
    graph = chain(SHAPES["steps"](flaky.step), review("ratings", reject=END), name="rating")
    start(graph, {"items": [1, 2, 3]}, saver=saver, name="rating", thread_id="t")
    flaky.mended()
    made = rerun(saver, "t", by="ann")
    assert [one.thread_id for one in pending(saver)] == ["t"]
    assert advanced(saver, graph) == 1
    asked = {one.thread_id: one.value["proposal"] for one in pending(saver)}
    assert asked == {"t": [10, 30], made.thread_id: [10, 20, 30]}


def test_where_nothing_failed_nothing_is_made(saver: SqliteSaver) -> None:
    graph = chain(SHAPES["steps"](Flaky().step), name="rating")
    start(graph, {"items": [1, 2]}, saver=saver, name="rating", thread_id="t")
    with pytest.raises(RunNotFailed, match="No branch of run t failed"):
        rerun(saver, "t", by="ann", target="other")
    with pytest.raises(RunNotFound):
        run(saver, "other")
    failing = chain(fan_out(Flaky([1]).step, over="items", item="item", on_error="raise"), name="failing")
    start(failing, {"items": [1, 2]}, saver=saver, name="failing", thread_id="f")
    with pytest.raises(RunNotFailed, match="The run f is failed"):
        rerun(saver, "f", by="ann")


def test_what_was_pruned_is_not_run_again(saver: SqliteSaver) -> None:
    graph = chain(SHAPES["steps"](Flaky([1]).step), step(summed, into="total"), name="rating")
    start(graph, {"items": [1, 2]}, saver=saver, name="rating", thread_id="t")
    saver.prune(["t"])
    with pytest.raises(RunNotFailed, match="is pruned"):
        rerun(saver, "t", by="ann")


GRAPH = """
from pathlib import Path
from treadle import chain, fan_out
from treadle.nodes import step

def halve(item: int) -> int:
    if item == 3 and not Path("cured").exists():
        raise ValueError("three is odd")
    return item // 2

graph = chain(fan_out(step(halve, into="half"), over="items", item="item", into="halves"), name="halves")
"""


def test_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "halving.py").write_text(GRAPH)
    (tmp_path / "langgraph.json").write_text('{"graphs": {"halves": "./halving.py:graph"}}')
    made = treadle(tmp_path, "run", "halves", "--input", '{"items": [2, 3, 4]}', "--thread", "h")
    assert json.loads(made.stdout)["halves"] == [1, 2], made.stderr
    (tmp_path / "cured").touch()
    done = treadle(tmp_path, "runs", "again", "h", "--why", "The file is there.", "--advance", "--json")
    again = json.loads(done.stdout)
    assert (again["status"], again["parent_thread"]) == ("done", "h"), done.stderr
    refused = treadle(tmp_path, "runs", "again", again["thread_id"])
    assert (refused.returncode, "No branch of run" in refused.stderr) == (2, True)
