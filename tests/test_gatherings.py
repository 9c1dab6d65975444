"""Answers that keep coming to one run: it goes on with them together, and says until when it waits for more."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gated import asked, until
from langgraph.graph import END
from processes import treadle

from treadle import chain, fan_out, review
from treadle.checkpoints import SqliteSaver, Worker, advance, decide, pending, run
from treadle.checkpoints.care.ailments import ailments
from treadle.checkpoints.desks.sweeps import sweep
from treadle.checkpoints.ledgers.jobs import find
from treadle.graphs.runs import start
from treadle.nodes import Deadline, prompt, step


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


def ready(saver: SqliteSaver) -> list[str]:
    """The runs that a worker that serves would take on now."""
    return [job.thread_id for job in saver.database.read(lambda connection: find(connection, patient=True))]


def pass_by(saver: SqliteSaver, seconds: float) -> None:
    """Let time go by, for the runs that gather answers."""
    change = "UPDATE runs SET gather_until = gather_until - ?, quiet_at = quiet_at - ?"
    saver.database.write(lambda connection: connection.execute(change, (seconds, seconds)))


@contextmanager
def served(saver: SqliteSaver, graph: Any) -> Iterator[None]:
    """Have a worker serve meanwhile."""
    worker = Worker(saver, lambda name: graph, poll=0.05)
    worker.start()
    try:
        yield
    finally:
        worker.stop()


def begun(saver: SqliteSaver, graph: Any, items: int, thread: str = "t") -> Any:
    """A run of a fan-out whose branches wait."""
    start(graph, {"items": list(range(items))}, saver=saver, name="g", thread_id=thread)
    return graph.compile(checkpointer=saver)


def looked_at(executed: list[int], *after: Any, **given: Any) -> Any:
    """A fan-out whose branches ask, and note each time that they come to it; then come the steps after."""

    def look(found: int) -> bool:
        executed.append(found)
        return True

    asks = chain(
        step(lambda item: item, into="found", name="look"), review("found", when=look, reject=END), *after, name="asks"
    )
    return fan_out(asks, over="items", item="item", into="results", **given)


def test_a_run_goes_on_when_it_is_quiet_and_at_once_when_all_is_decided(saver: SqliteSaver) -> None:
    asked(saver, {}, items=400)
    first, *others = pending(saver, limit=400)
    decide(saver, first.id, "approve", by="ann")
    assert ready(saver) == []
    assert [job.thread_id for job in saver.database.read(find)] == ["t"]
    pass_by(saver, 59)
    assert ready(saver) == []
    pass_by(saver, 2)
    assert ready(saver) == ["t"]
    for each in others:
        decide(saver, each.id, "approve", by="ann")
    assert ready(saver) == ["t"]


def test_where_answers_keep_coming_it_goes_on_with_them_after_a_quarter_of_an_hour(saver: SqliteSaver) -> None:
    asked(saver, {}, items=400)
    gone = 0
    for each in pending(saver, limit=40):
        decide(saver, each.id, "approve", by="ann")
        pass_by(saver, 30)
        gone += 30
        if ready(saver):
            break
    assert 900 <= gone <= 930


def test_where_nothing_follows_in_the_branches_all_answers_are_taken_over_in_one_pass(saver: SqliteSaver) -> None:
    executed: list[int] = []
    graph = begun(saver, looked_at(executed), 40)
    assert len(executed) == 40
    with served(saver, graph):
        *most, last = pending(saver, limit=40)
        for each in most:
            decide(saver, each.id, "approve", by="ann")
            found = run(saver, "t")
            assert (found.gathers, found.quiet_at) == (True, None)
            pass_by(saver, 30)  # as people take to decide
        decide(saver, last.id, "approve", by="ann")
        until(lambda: run(saver, "t").status == "done")
    assert len(executed) == 80
    assert graph.get_state({"configurable": {"thread_id": "t"}}).values["results"] == list(range(40))


def test_after_an_hour_it_goes_on_with_what_there_is(saver: SqliteSaver) -> None:
    begun(saver, looked_at([]), 3)
    first, second, _ = pending(saver)
    decide(saver, first.id, "approve", by="ann")
    began = run(saver, "t").gather_until
    assert began is not None
    assert 3500 < began - time.time() <= 3600
    pass_by(saver, 3000)
    decide(saver, second.id, "approve", by="ann")
    assert ready(saver) == []
    pass_by(saver, 601)
    assert ready(saver) == ["t"]


def test_what_follows_in_a_branch_does_not_wait_long_for_the_others(saver: SqliteSaver) -> None:
    paid: list[int] = []

    def pay(found: int) -> int:
        paid.append(found)
        return found

    graph = begun(saver, looked_at([], step(pay, into="paid")), 3)
    (first, *_) = pending(saver)
    with served(saver, graph):
        decide(saver, first.id, "approve", by="ann")
        until(lambda: run(saver, "t").status == "waiting")
    assert paid == [first.value["proposal"]]
    assert len(pending(saver)) == 2


def test_an_answer_that_goes_back_to_the_model_does_not_wait_either(saver: SqliteSaver) -> None:
    draft = prompt("draft", "Draft {item}", model="rules")
    worker = chain(draft, review("draft", actions=("approve", "respond")), name="drafted")
    begun(saver, fan_out(worker, over="items", item="item", into="results"), 3)
    first, second, _ = pending(saver)
    decide(saver, first.id, "approve", by="ann")
    assert run(saver, "t").quiet_at is None
    decide(saver, second.id, "respond", words="Shorter.", by="ann")
    quiet = run(saver, "t").quiet_at
    assert quiet is not None
    assert quiet - time.time() < 1
    pass_by(saver, 1)
    assert ready(saver) == ["t"]


@pytest.mark.parametrize(("together", "seconds"), [("10m", 600), (0, 0)])
def test_a_fan_out_may_say_for_how_long_answers_wait_for_each_other(
    saver: SqliteSaver, together: Any, seconds: float
) -> None:
    pay = step(lambda found: found, into="paid", name="pay")
    begun(saver, looked_at([], pay, together=together), 3)
    decide(saver, pending(saver)[0].id, "approve", by="ann")
    until_ = run(saver, "t").gather_until
    assert until_ is not None
    assert seconds - 60 < until_ - time.time() <= seconds
    assert ready(saver) == ([] if seconds else ["t"])


def test_a_fan_out_whose_answers_are_all_there_goes_on_beside_one_that_waits(saver: SqliteSaver) -> None:
    totals = {"left": lambda left: sum(left), "right": lambda right: sum(right)}

    def branch(name: str) -> Any:
        look = step(lambda item: item, into="found", name="look")
        fan = fan_out(chain(look, review("found", reject=END), name="asks"), over="items", item="item", into=name)
        return chain(fan, step(totals[name], into=f"{name}_sum", name=f"{name}_sum"), name=f"{name}_side")

    begun(saver, chain([branch("left"), branch("right")], name="both"), 2)
    left = [one for one in pending(saver) if one.path.startswith("left")]
    assert len(left) == 2
    decide(saver, left[0].id, "approve", by="ann")
    assert run(saver, "t").quiet_at is None
    decide(saver, left[1].id, "approve", by="ann")
    assert run(saver, "t").quiet_at is not None


async def test_what_a_deadline_decides_goes_on_like_any_answer(saver: SqliteSaver) -> None:
    due = Deadline("1h", default="reject")
    asks = chain(step(lambda item: item, into="found", name="look"), review("found", reject=END, due=due), name="asks")
    start(
        fan_out(asks, over="items", item="item", into="results"),
        {"items": [1, 2]}, saver=saver, name="g", thread_id="t",
    )  # fmt: skip
    decide(saver, pending(saver)[0].id, "approve", by="ann")
    assert (run(saver, "t").gathers, ready(saver)) == (True, [])
    assert await sweep(saver, tolerance=-3700) == 1
    assert (run(saver, "t").gathers, ready(saver)) == (False, ["t"])


def test_a_clock_that_is_far_ahead_holds_up_no_run_whose_answers_are_all_there(
    saver: SqliteSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(saver, looked_at([]), 2)
    first, second = pending(saver)
    decide(saver, first.id, "approve", by="ann")
    right = time.time
    with monkeypatch.context() as ahead:
        ahead.setattr(time, "time", lambda: right() + 7200)
        decide(saver, second.id, "approve", by="bo")
    assert ready(saver) == ["t"]


def test_whoever_decides_is_told_until_when_and_the_doctor_sees_nothing_wrong(
    saver: SqliteSaver, tmp_path: Path
) -> None:
    graph = begun(saver, looked_at([]), 3)
    first, *_ = pending(saver)
    made = treadle(tmp_path, "decide", first.id, "approve", "--by", "ann")
    assert "takes the run on when the other 2 reviews of it are decided, or at " in made.stderr
    saver.database.write(lambda connection: connection.execute("UPDATE decisions SET at = at - 3000"))
    assert ailments(saver) == []
    assert advance(saver, graph, "t").status == "waiting"
    assert run(saver, "t").gather_until is None
