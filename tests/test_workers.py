"""Workers: they find what can go on, run every effect once however they race, and survive being killed."""

import asyncio
import logging
import multiprocessing
import operator
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from treadle.checkpoints.decisions import decide, decisions, verify
from treadle.checkpoints.ledgers.advances import advance
from treadle.checkpoints.ledgers.leases import lease
from treadle.checkpoints.ledgers.retries import again
from treadle.checkpoints.reviews import count, pending
from treadle.checkpoints.runs import Run, run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.workers import Worker
from treadle.errors import GraphNotFound, LeaseHeld

FORK = multiprocessing.get_context("fork")


class Answer(BaseModel):
    action: str


class State(TypedDict, total=False):
    items: list[int]
    done: Annotated[list[str], operator.add]


class Item(TypedDict):
    item: int


def write(log: Path, line: str) -> None:
    """Append a line to a file that several processes share."""
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def graph(saver: Any, log: Path, *, slow: float = 0.0) -> Any:
    """Gates, one an item, each followed by an effect in a node of its own."""

    def gate(item: Item) -> dict[str, Any]:
        interrupt({"actions": ["approve"], "item": item["item"]}, response_schema=Answer)
        return {"done": [str(item["item"])]}

    def effect(state: State) -> dict[str, Any]:
        write(log, " ".join(sorted(state.get("done", []))))
        time.sleep(slow)
        return {}

    builder: Any = StateGraph(State)
    builder.add_node("gate", gate)
    builder.add_node("effect", effect)
    builder.add_conditional_edges(
        START, lambda state: [Send("gate", {"item": item}) for item in state["items"]], ["gate"]
    )
    builder.add_edge("gate", "effect")
    builder.add_edge("effect", END)
    return builder.compile(checkpointer=saver)


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "effects.log"


def until(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def waiting(saver: SqliteSaver, log: Path, threads: int, *, items: int = 1) -> None:
    """Runs that wait for a person, each to write a line of its own."""
    made = graph(saver, log)
    for number in range(threads):
        advance(saver, made, f"t{number}", input={"items": [number * items + one for one in range(items)]}, name="g")


def approve(saver: SqliteSaver) -> None:
    for each in pending(saver, limit=10_000):
        decide(saver, each.id, "approve", by="ann", thread=each.thread_id)


def statuses(saver: SqliteSaver) -> set[str]:
    return {each.status for each in runs(saver, limit=10_000)}


def test_a_worker_advances_what_is_decided_and_nothing_else(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 3)
    worker = Worker(saver, lambda name: graph(saver, log))
    assert worker.once() == 0
    first = pending(saver, thread="t1")[0]
    decide(saver, first.id, "approve", by="ann")
    assert worker.once() == 1
    assert lines(log) == ["1"]
    assert [run(saver, f"t{number}").status for number in range(3)] == ["waiting", "done", "waiting"]
    approve(saver)
    assert worker.once() == 2
    assert worker.once() == 0
    assert statuses(saver) == {"done"}


def test_a_decision_of_the_same_process_is_seen_at_once(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 1)
    worker = Worker(saver, lambda name: graph(saver, log), poll=3600)
    worker.start()
    worker.start()
    approve(saver)
    until(lambda: run(saver, "t0").status == "done")
    worker.stop()
    worker.stop()
    assert lines(log) == ["0"]


def decide_elsewhere(path: str) -> None:
    with SqliteSaver(path) as saver:
        approve(saver)


def test_a_decision_of_another_process_is_seen_by_polling(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 1)
    other = FORK.Process(target=decide_elsewhere, args=(str(saver.path),))
    other.start()
    worker = Worker(saver, lambda name: graph(saver, log), poll=0.05)
    worker.start()
    until(lambda: run(saver, "t0").status == "done")
    worker.stop()
    other.join()
    assert lines(log) == ["0"]


def test_a_worker_that_is_stopped_before_it_runs_returns(saver: SqliteSaver, log: Path) -> None:
    worker = Worker(saver, lambda name: graph(saver, log))
    worker.stop()
    worker.run()


def test_no_more_runs_at_once_than_asked_for(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 6)
    approve(saver)
    now: list[int] = []
    most: list[int] = []

    def node(state: State) -> dict[str, Any]:
        now.append(1)
        most.append(len(now))
        time.sleep(0.05)
        now.pop()
        return {}

    def made(name: str) -> Any:
        builder: Any = StateGraph(State)
        builder.add_node("gate", node)
        builder.add_edge(START, "gate")
        return builder.compile(checkpointer=saver)

    worker = Worker(saver, made, concurrency=2)
    assert worker.once() == 6
    assert max(most) <= 2


def test_stopping_drains_at_the_next_step_and_another_worker_goes_on(saver: SqliteSaver, log: Path) -> None:
    inside, go = threading.Event(), threading.Event()

    def first(state: State) -> dict[str, Any]:
        write(log, "first")
        inside.set()
        go.wait(30)
        return {}

    def second(state: State) -> dict[str, Any]:
        write(log, "second")
        return {}

    builder: Any = StateGraph(State)
    builder.add_sequence([("first", first), ("second", second)])
    builder.add_edge(START, "first")
    made = builder.compile(checkpointer=saver, interrupt_before=["first"])
    advance(saver, made, "a", input={"items": []}, name="g")
    saver.database.write(lambda connection: connection.execute("UPDATE runs SET status = 'decided'"))
    worker = Worker(saver, lambda name: made, poll=0.05)
    worker.start()
    assert inside.wait(30)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    until(lambda: all(control.drain_requested for control in worker._controls))
    go.set()
    stopper.join()
    assert (run(saver, "a").status, lines(log)) == ("stalled", ["first"])
    assert Worker(saver, lambda name: made).once() == 1
    assert (run(saver, "a").status, lines(log)) == ("done", ["first", "second"])


def soon(saver: SqliteSaver) -> None:
    """As if the time to wait after a failure had passed."""
    saver.database.write(lambda connection: connection.execute("UPDATE runs SET not_before = 0"))


def test_a_failing_run_is_tried_again_later_and_parked_at_the_third_failure(
    saver: SqliteSaver, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(state: State) -> dict[str, Any]:
        interrupt("go?")
        raise ConnectionError("the model is away")

    builder: Any = StateGraph(State)
    builder.add_node("broken", broken)
    builder.add_edge(START, "broken")
    made = builder.compile(checkpointer=saver)
    advance(saver, made, "a", input={"items": []}, name="g")
    decide(saver, pending(saver)[0].id, answer=True, by="ann")
    worker = Worker(saver, lambda name: made)
    waits = []
    for attempt in range(1, 4):
        assert worker.once() == 1
        now = run(saver, "a")
        assert (now.attempts, now.status) == (attempt, "failed" if attempt < 3 else "parked")
        assert now.not_before is not None
        waits.append(now.not_before - now.updated_at)
        assert worker.once() == 0
        soon(saver)
    assert worker.once() == 0
    assert waits[0] * 1.5 < waits[1]
    assert "ConnectionError: the model is away" in str(run(saver, "a").error)


def unknown(name: str) -> Any:
    raise GraphNotFound(f"No graph is called {name}.")


def test_a_run_of_an_unknown_graph_is_parked_with_words_and_keeps_its_answer(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 1)
    graph(saver, log).invoke({"items": [7]}, {"configurable": {"thread_id": "nameless"}})
    approve(saver)
    assert Worker(saver, unknown).once() == 0
    assert run(saver, "t0").status == run(saver, "nameless").status == "parked"
    assert "No graph is called g. Resume it from Python" in str(run(saver, "t0").error)
    assert "does not say which graph" in str(run(saver, "nameless").error)
    assert count(saver, status="decided") == 2
    assert advance(saver, graph(saver, log), "nameless").status == "done"
    assert lines(log) == ["7"]


def test_a_catalog_that_breaks_parks_the_run_and_not_the_worker(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 1)
    approve(saver)

    def broken(name: str) -> Any:
        raise ZeroDivisionError("in the user's module")

    assert Worker(saver, broken).once() == 0
    assert run(saver, "t0").error == "ZeroDivisionError: in the user's module"
    with SqliteSaver(saver.path.with_name("other.db")) as other:
        saver.database.write(lambda connection: connection.execute("UPDATE runs SET status = 'decided'"))
        assert Worker(saver, lambda name: graph(other, log)).once() == 0
    assert "compile it with checkpointer=" in str(run(saver, "t0").error)


def test_a_new_decision_takes_a_parked_run_up_again(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 1, items=2)
    first, second = pending(saver)
    decide(saver, first.id, "approve", by="ann")
    Worker(saver, unknown).once()
    decide(saver, second.id, "approve", by="ann")
    assert Worker(saver, lambda name: graph(saver, log)).once() == 1
    assert (run(saver, "t0").status, lines(log)) == ("done", ["0 1"])


def test_a_run_that_stopped_before_its_input_was_stored_is_parked(saver: SqliteSaver, log: Path) -> None:
    with lease(saver, "a"):
        pass
    saver.database.write(lambda connection: connection.execute("UPDATE runs SET status = 'running', graph = 'g'"))
    assert Worker(saver, lambda name: graph(saver, log)).once() == 0
    assert (run(saver, "a").status, "start it again" in str(run(saver, "a").error)) == ("parked", True)


def test_a_direct_run_is_advanced_once_the_process_that_invoked_it_has_stopped_working(
    saver: SqliteSaver, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, go = threading.Event(), threading.Event()

    def gate(item: Item) -> dict[str, Any]:
        if item["item"]:
            asked.wait(30)
            write(log, "slow")
            go.wait(30)
        else:
            interrupt({"actions": ["approve"]}, response_schema=Answer)
        return {"done": [str(item["item"])]}

    builder: Any = StateGraph(State)
    builder.add_node("gate", gate)
    builder.add_conditional_edges(
        START, lambda state: [Send("gate", {"item": item}) for item in state["items"]], ["gate"]
    )
    made = builder.compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "a"}, "metadata": {"graph": "g"}}
    caller = threading.Thread(target=made.invoke, args=({"items": [0, 1]}, config))
    caller.start()
    until(lambda: count(saver) == 1)
    asked.set()
    approve(saver)
    worker = Worker(saver, lambda name: made)
    assert worker.once() == 0
    assert run(saver, "a").status == "decided"
    looked: list[str] = []
    other = Worker(saver, lambda name: looked.append(name) or made, poll=3600)  # type: ignore[func-returns-value]
    other.start()
    until(lambda: bool(looked))
    time.sleep(0.2)
    other.stop()
    assert len(looked) == 1  # and not over and over as long as the caller works
    go.set()
    caller.join()
    assert worker.once() == 1
    assert (run(saver, "a").status, lines(log)) == ("done", ["slow"])


def test_a_run_that_was_done_and_is_invoked_again_without_the_runner_is_taken_up_as_ever(
    saver: SqliteSaver, log: Path
) -> None:
    waiting(saver, log, 1)
    approve(saver)
    worker = Worker(saver, lambda name: graph(saver, log))
    assert (worker.once(), run(saver, "t0").status) == (1, "done")
    graph(saver, log).invoke({"items": [7]}, {"configurable": {"thread_id": "t0"}})
    assert (run(saver, "t0").status, run(saver, "t0").finished_at, count(saver)) == ("direct", None, 1)
    approve(saver)
    assert (worker.once(), run(saver, "t0").status, lines(log)) == (1, "done", ["0", "0 7"])


def work(path: str, log: Path, done: Any) -> None:
    logging.disable()
    with SqliteSaver(path) as saver:
        worker = Worker(saver, lambda name: graph(saver, log), poll=0.05, concurrency=2)
        worker.start()
        done.wait()
        worker.stop()


def workers(saver: SqliteSaver, log: Path, number: int) -> tuple[list[Any], Any]:
    done = FORK.Event()
    started = [FORK.Process(target=work, args=(str(saver.path), log, done)) for _ in range(number)]
    for process in started:
        process.start()
    return started, done


def test_three_workers_racing_over_forty_runs_cause_every_effect_exactly_once(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 40)
    processes, done = workers(saver, log, 3)
    approve(saver)
    until(lambda: statuses(saver) == {"done"}, seconds=120)
    done.set()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert Counter(lines(log)) == Counter({str(number): 1 for number in range(40)})
    assert all(each.applied_at for each in decisions(saver, limit=100))
    assert verify(saver) == []
    forks = saver.database.read(
        lambda connection: connection.execute(
            "SELECT space, parent_id FROM checkpoints WHERE parent_id IS NOT NULL"
            " GROUP BY space, parent_id HAVING count(*) > 1"
        ).fetchall()
    )
    assert forks == []


def decide_and_die(path: str) -> None:
    with SqliteSaver(path) as saver:
        approve(saver)
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_killed_right_after_its_decision_loses_nothing(saver: SqliteSaver, log: Path) -> None:
    waiting(saver, log, 2, items=2)
    process = FORK.Process(target=decide_and_die, args=(str(saver.path),))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert {each.decided for each in runs(saver)} == {2}
    assert Worker(saver, lambda name: graph(saver, log)).once() == 2
    assert sorted(lines(log)) == ["0 1", "2 3"]
    assert Worker(saver, lambda name: graph(saver, log)).once() == 0


MOMENTS = ["leased", "gate 0", "gate 1", "gates done", "effect", "effect done"]


def step_and_die(path: str, log: Path, moment: str) -> None:
    """Advance run "a", and be killed at a moment."""

    def die(now: str) -> None:
        if now == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    with SqliteSaver(path) as saver:
        made = killable(saver, log, die)

        def graphs(name: str) -> Any:
            die("leased")
            return made

        if moment == "leased":
            made = graph(saver, log)
            with lease(saver, "a"):
                saver.database.write(lambda c: c.execute("UPDATE runs SET status = 'running'"))
                die("leased")
        Worker(saver, graphs).once()


def killable(saver: Any, log: Path, die: Callable[[str], None]) -> Any:
    def gate(item: Item) -> dict[str, Any]:
        interrupt({"actions": ["approve"], "item": item["item"]}, response_schema=Answer)
        die(f"gate {item['item']}")
        return {"done": [str(item["item"])]}

    def join(state: State) -> dict[str, Any]:
        die("gates done")
        return {}

    def effect(state: State) -> dict[str, Any]:
        die("effect")
        write(log, " ".join(sorted(state.get("done", []))))
        return {}

    def last(state: State) -> dict[str, Any]:
        die("effect done")
        return {}

    builder: Any = StateGraph(State)
    builder.add_node("gate", gate)
    builder.add_sequence([("join", join), ("effect", effect), ("last", last)])
    builder.add_conditional_edges(
        START, lambda state: [Send("gate", {"item": item}) for item in state["items"]], ["gate"]
    )
    builder.add_edge("gate", "join")
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_killed_in_the_middle_of_a_resume_is_followed_by_another(
    saver: SqliteSaver, log: Path, moment: str
) -> None:
    made = killable(saver, log, lambda now: None)
    advance(saver, made, "a", input={"items": [0, 1]}, name="g")
    approve(saver)
    process = FORK.Process(target=step_and_die, args=(str(saver.path), log, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert run(saver, "a").status == "stalled"
    assert Worker(saver, lambda name: made).once() == 1
    after = run(saver, "a")
    assert (after.status, after.pending, after.decided, after.error) == ("done", 0, 0, None)
    assert lines(log) == ["0 1"]
    assert all(each.applied_at for each in decisions(saver))
    assert verify(saver) == []


def killed(saver: SqliteSaver, log: Path, moment: str) -> Run:
    """The run after one more worker was killed at a moment of it."""
    process = FORK.Process(target=step_and_die, args=(str(saver.path), log, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    return run(saver, "a")


def test_a_run_that_ends_one_process_after_the_other_is_parked_until_somebody_tries_it_again(
    saver: SqliteSaver, log: Path
) -> None:
    made = killable(saver, log, lambda now: None)
    advance(saver, made, "a", input={"items": [0, 1]}, name="g")
    approve(saver)
    ends = [killed(saver, log, "effect") for _ in range(3)]
    assert [(one.status, one.attempts) for one in ends] == [("stalled", 0), ("stalled", 1), ("stalled", 2)]
    assert Worker(saver, lambda name: made).once() == 1
    found = run(saver, "a")
    assert (found.status, found.attempts, found.owner) == ("parked", 3, None)
    assert "ended 3 times in a row" in str(found.error)
    assert Worker(saver, lambda name: made).once() == 0
    again(saver, "a", by="ann")
    assert Worker(saver, lambda name: made).once() == 1
    assert (run(saver, "a").status, lines(log)) == ("done", ["0 1"])


def test_a_run_that_gets_on_between_the_ends_of_its_processes_is_not_parked(saver: SqliteSaver, log: Path) -> None:
    made = killable(saver, log, lambda now: None)
    advance(saver, made, "a", input={"items": [0, 1]}, name="g")
    approve(saver)
    for moment in ("gate 0", "gates done", "gates done", "effect", "effect", "effect done", "effect done"):
        assert killed(saver, log, moment).attempts < 3
    assert Worker(saver, lambda name: made).once() == 1
    assert (run(saver, "a").status, lines(log)) == ("done", ["0 1"])


def test_what_a_holder_writes_after_its_lease_was_taken_over_does_not_get_in(saver: SqliteSaver, log: Path) -> None:
    inside, go = threading.Event(), threading.Event()
    failures: list[Exception] = []

    def node(state: State) -> dict[str, Any]:
        if not inside.is_set():
            inside.set()
            go.wait(30)
            return {"done": ["stale"]}
        return {"done": ["fresh"]}

    builder: Any = StateGraph(State)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    made = builder.compile(checkpointer=saver)

    def stale() -> None:
        try:
            advance(saver, made, "a", input={"items": []}, name="g")
        except LeaseHeld as error:
            failures.append(error)

    def expire(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE runs SET expires_at = 1")

    late = threading.Thread(target=stale)
    late.start()
    assert inside.wait(30)
    saver.database.write(expire)
    assert Worker(saver, lambda name: made).once() == 1
    assert run(saver, "a").status == "done"
    go.set()
    late.join()
    assert len(failures) == 1
    assert run(saver, "a").status == "done"
    assert made.get_state({"configurable": {"thread_id": "a"}}).values["done"] == ["fresh"]


def advance_slowly(path: str, inside: Any) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    async def node(state: State) -> dict[str, Any]:
        inside.set()
        await asyncio.sleep(600)
        return {}

    with SqliteSaver(path) as saver:
        builder: Any = StateGraph(State)
        builder.add_node("node", node)
        builder.add_edge(START, "node")
        try:
            advance(saver, builder.compile(checkpointer=saver), "a", input={"items": [0]}, name="g")
        except KeyboardInterrupt:
            os._exit(130)


def test_ctrl_c_gives_the_lease_back_and_the_run_goes_on_later(saver: SqliteSaver, log: Path) -> None:
    inside = FORK.Event()
    process = FORK.Process(target=advance_slowly, args=(str(saver.path), inside))
    process.start()
    assert inside.wait(60)
    assert run(saver, "a").status == "running"
    assert process.pid is not None
    os.kill(process.pid, signal.SIGINT)
    process.join(60)
    assert process.exitcode == 130
    assert (run(saver, "a").status, run(saver, "a").owner) == ("stalled", None)
    builder: Any = StateGraph(State)
    builder.add_node("node", lambda state: {"done": ["there"]})
    builder.add_edge(START, "node")
    assert Worker(saver, lambda name: builder.compile(checkpointer=saver)).once() == 1
    assert run(saver, "a").status == "done"
