"""Measure what the desk costs as rows grow: ``python benchmarks/desk.py [--quick] [--json FILE]``."""

import argparse
import logging
import operator
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt
from rich.console import Console
from stores.claims import Claim, Claims, save, show

from treadle import chain, fan_out
from treadle import review as gate
from treadle.checkpoints import SqliteSaver, Worker, advance, claim, count, decide, pending, release, review
from treadle.checkpoints.ledgers.jobs import find
from treadle.nodes import step

PACE = 10.0
"""Seconds that a person takes to decide."""

QUESTION = {"title": "Refund", "gate": "refund", "proposal": {"amount": 40, "to": "x" * 400}, "to whom": "a customer"}


class State(TypedDict, total=False):
    """The state of the wide graph."""

    items: list[int]
    done: Annotated[list[Any], operator.add]


def graph(saver: Any, executed: list[int]) -> Any:
    """A branch an item, each of which asks; every execution of a branch is noted."""

    def ask(state: dict[str, Any]) -> dict[str, Any]:
        executed.append(state["item"])
        return {"done": [interrupt({**QUESTION, "item": state["item"]})]}

    builder: Any = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_conditional_edges(START, lambda state: [Send("ask", {"item": one}) for one in state["items"]], ["ask"])
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=saver)


def filled(path: Path, waiting: int, decided: int) -> SqliteSaver:
    """A database with so many rows of each kind: one real run of each, and copies of its rows under other names."""
    saver = SqliteSaver(path, synchronous="OFF")
    made = graph(saver, [])
    for thread in ("waits", "over"):
        advance(saver, made, thread, input={"items": [0]}, name="g")
    decide(saver, pending(saver, thread="over")[0].id, answer="yes", by="ann", thread="over")
    advance(saver, made, "over")

    def copy(connection: Any) -> None:
        for table, thread, many in (
            ("reviews", "waits", waiting), ("waits", "waits", waiting), ("runs", "waits", waiting),
            ("reviews", "over", decided), ("decisions", "over", decided), ("runs", "over", decided),
        ):  # fmt: skip
            _copy(connection, table, thread, many)
        connection.execute("ANALYZE")

    saver.database.write(copy)
    assert (count(saver), count(saver, status="closed")) == (waiting + 1, decided + 1)
    return saver


def _kept(path: Path, waiting: int, decided: int) -> SqliteSaver:
    """A database of that size, which may be there from an earlier time."""
    return SqliteSaver(path, synchronous="OFF") if path.exists() else filled(path, waiting, decided)


def _copy(connection: Any, table: str, thread: str, count: int) -> None:
    """Rows as those of one thread, each with a thread (and an interrupt) of its own."""
    columns = [row["name"] for row in connection.execute(f"PRAGMA table_info({table})") if row["name"] != "seq"]
    own = {"thread_id": f"'{thread} ' || n", "interrupt_id": "printf('%032x', n * 7919 + length(thread_id))"}
    own |= {name: f"{name} + n * 0.001" for name in ("asked_at", "updated_at")}
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(own.get(name, f'"{name}"') for name in columns)
    connection.execute(
        f"WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < {count})"
        f" INSERT INTO {table} ({names}) SELECT {values} FROM many, (SELECT * FROM {table} WHERE thread_id = ?)",
        (thread,),
    )


def growth(*, quick: bool, keep: Path | None) -> Claims:
    """Listing, opening, claiming and deciding, with few rows and with many, turn by turn."""
    few, many = ((500, 5_000), (10_000, 100_000)) if quick else ((1_000, 10_000), (100_000, 1_000_000))
    with nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        savers = [_kept(Path(folder) / f"{name}.db", *sizes) for name, sizes in (("few", few), ("many", many))]
        note = f"filled in {time.perf_counter() - began:.0f} s" if keep is None else "kept databases"
        for name, act in ACTS.items():
            small, large = _turns(act, savers, 60 if quick else 200)
            told = f"{small * 1e6:.0f} and {large * 1e6:.0f} microseconds; {note}"
            sizes = f"{many[0]:,} waiting and {many[1]:,} decided over {few[0]:,} and {few[1]:,}"
            yield Claim(f"{name}: {sizes}", large / small, 1.5, note=told)
        for saver in savers:
            saver.close()


def _turns(act: Callable[[SqliteSaver, Any], object], savers: list[SqliteSaver], rounds: int) -> list[float]:
    """The median seconds that an act takes on each database, on a question of its own each time."""
    taken: list[list[float]] = [[] for _ in savers]
    questions = [pending(saver, limit=rounds + 5) for saver in savers]
    for number in range(rounds + 5):
        for place, saver in enumerate(savers):
            started = time.perf_counter()
            act(saver, questions[place][number])
            taken[place].append(time.perf_counter() - started)
    return [median(times[5:]) for times in taken]


def _claimed(saver: SqliteSaver, one: Any) -> None:
    claim(saver, one.id, by="ann", thread=one.thread_id)
    release(saver, one.id, by="ann", thread=one.thread_id)


ACTS: dict[str, Callable[[SqliteSaver, Any], object]] = {
    "list the first 50": lambda saver, one: pending(saver),
    "list page 10": lambda saver, one: pending(saver, offset=450),
    "open one": lambda saver, one: review(saver, one.id, thread=one.thread_id),
    "claim and release": _claimed,
    "decide": lambda saver, one: decide(saver, one.id, answer="yes", by="ann", thread=one.thread_id),
}


def fans(*, quick: bool, keep: Path | None) -> Claims:
    """Deciding the branches of one fan-out one by one, beside LangGraph's way on fewer of them."""
    count, fewer = (200, 30) if quick else (1_000, 100)
    with tempfile.TemporaryDirectory() as folder, SqliteSaver(Path(folder) / "x.db", synchronous="NORMAL") as saver:
        executed: list[int] = []
        made = graph(saver, executed)
        advance(saver, made, "wide", input={"items": list(range(count))}, name="g")
        times = _decided(saver, count)
        tenth = count // 10
        yield Claim(
            f"{count} branches decided one by one: the last tenth over the first",
            median(times[-tenth:]) / median(times[:tenth]), 1.5, note=f"{median(times) * 1e6:.0f} microseconds each",
        )  # fmt: skip
        Worker(saver, lambda name: made).once()
        yield Claim(f"{count} branches: executions to resume them, per branch", len(executed) / count - 1, 1)
        yield from _served(saver, made, executed, count)
    yield from _paced(count)
    theirs = _theirs(fewer)
    note = f"{theirs} executions of {fewer}; n(n+1)/2 is {fewer * (fewer + 1) // 2}"
    yield Claim(f"LangGraph's way with {fewer} branches: executions over ours", theirs / fewer, 10, True, note)


def _decided(saver: SqliteSaver, count: int) -> list[float]:
    """Processor seconds of each decision: these come one after the other, and the machine may be busy meanwhile."""
    times = []
    for one in pending(saver, limit=count):
        started = time.process_time()
        decide(saver, one.id, answer="yes", by="ann", thread=one.thread_id)
        times.append(time.process_time() - started)
    return times


def _served(saver: SqliteSaver, made: Any, executed: list[int], count: int) -> Claims:
    """The same while a worker serves: how often it took the run on."""
    advance(saver, made, "served", input={"items": list(range(count))}, name="g")
    passes = _Passes()
    log = logging.getLogger("treadle.checkpoints.workers")
    log.addHandler(passes)
    log.setLevel(logging.INFO)
    executed.clear()
    worker = Worker(saver, lambda name: made)
    worker.start()
    _decided(saver, count)
    while made.get_state({"configurable": {"thread_id": "served"}}).next:
        time.sleep(0.05)
    worker.stop()
    log.removeHandler(passes)
    note = f"{len(executed) / count:.2f} executions a branch"
    yield Claim(f"{count} branches decided one by one beside a worker: passes", passes.count, 3, note=note)


def _paced(count: int) -> Claims:
    """The same at a person's pace: ten seconds go by for every decision, as far as the run can tell."""
    every = f"{count} branches, one decided every {PACE:.0f} seconds"
    for name, build, goal in (("their review is the last thing in them", _last, 3), ("LangGraph's own", graph, 80)):
        with tempfile.TemporaryDirectory() as folder, SqliteSaver(Path(folder) / "x.db", synchronous="NORMAL") as saver:
            executed: list[int] = []
            made = build(saver, executed)
            advance(saver, made, "paced", input={"items": list(range(count))}, name="g")
            executed.clear()
            passes = _passes(saver, made)
            assert not made.get_state({"configurable": {"thread_id": "paced"}}).next
            yield Claim(
                f"{every}, {name}: passes", passes, goal, note=f"{len(executed) / count:.2f} executions a branch"
            )


def _passes(saver: SqliteSaver, made: Any) -> int:
    """How often a worker takes the run on until all is decided."""
    passes, later = 0, "UPDATE runs SET gather_until = gather_until - ?, quiet_at = quiet_at - ?"
    for one in pending(saver, limit=-1):
        answer = {"answer": "yes"} if one.gate == "refund" else {"action": "approve"}
        decide(saver, one.id, by="ann", thread=one.thread_id, **answer)
        saver.database.write(lambda connection: connection.execute(later, (PACE, PACE)))
        if saver.database.read(lambda connection: find(connection, patient=True)):
            passes += Worker(saver, lambda name: made).once()
    return passes


def _last(saver: Any, executed: list[int]) -> Any:
    """A fan-out of treadle's whose branches end in a review; every execution of the review is noted."""

    def asks(proposal: object) -> bool:
        executed.append(1)
        return True

    def propose(item: int) -> dict[str, Any]:
        return {**QUESTION["proposal"], "item": item}  # type: ignore[dict-item]

    branch = chain(step(propose, into="proposal"), gate("proposal", when=asks, reject=END), name="branch")
    return fan_out(branch, over="items", item="item", into="done").compile(checkpointer=saver)


class _Passes(logging.Handler):
    """Counts how often a worker tells that it took a run on."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += record.getMessage().startswith("Run served:")


def _theirs(count: int) -> int:
    """Executions of plain LangGraph, in memory, answering one branch at a time."""
    executed: list[int] = []
    made, config = graph(InMemorySaver(), executed), {"configurable": {"thread_id": "t"}}
    made.invoke({"items": list(range(count))}, config)
    for one in list(_asked(made, config)):
        made.invoke(Command(resume={one: "yes"}), config)
    return len(executed) - count


def _asked(made: Any, config: Any) -> Iterator[str]:
    for task in made.get_state(config).tasks:
        yield from (one.id for one in task.interrupts)


PARTS: dict[str, Any] = {"growth": growth, "fans": fans}


def main() -> None:
    """Run every part and say which claims hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller numbers: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the claims to a file")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the large databases are, or are left")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=list(PARTS), help="some parts only")
    asked = parser.parse_args()
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    console, found = Console(), list[Claim]()
    for name in asked.only:
        found += show(PARTS[name](quick=asked.quick, keep=asked.keep), console)
    if asked.json:
        save(found, asked.json)


if __name__ == "__main__":
    main()
