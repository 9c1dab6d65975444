"""Results and steps that linger: they share commits, readers of their saver see them, what is lost of them is told."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.types import Interrupt
from processes import program, programmed
from twins import Twins
from workloads import INPUT, WORKLOADS, answered, waiting

from treadle.checkpoints import SqliteSaver, decide, lease, pending, runs
from treadle.checkpoints.care.backups import backup
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.care.prunings import prune
from treadle.checkpoints.disks.debts import MOST
from treadle.checkpoints.layouts.writes import written
from treadle.checkpoints.ledgers.fences import FENCE
from treadle.errors import LeaseHeld, StoreError, StoreFull


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF", linger=1) as opened:
        yield opened


def at(thread: str = "t", **more: Any) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", **more}}


def put(saver: SqliteSaver, thread: str = "t", source: Any = "input") -> Any:
    return saver.put(at(thread), empty_checkpoint(), {"source": source, "step": 0}, {})


def stored(path: Path) -> list[str]:
    """The tasks whose results another process would find in the file, each as often as it is there."""
    with SqliteSaver(path, readonly=True) as other:

        def work(connection: sqlite3.Connection) -> list[str]:
            keys = [row[0] for row in connection.execute("SELECT key FROM checkpoints")]
            return [task for found in written(connection, keys).values() for task, *_ in found]

        return other.database.read(work)


def checkpoints(path: Path) -> list[str]:
    """The checkpoints that another process would find in the file."""
    with SqliteSaver(path, readonly=True) as other:
        return [found.config["configurable"]["checkpoint_id"] for found in other.list(None)]


def seen(saver: SqliteSaver, thread: str = "t") -> list[Any]:
    found = saver.get_tuple(at(thread))
    assert found is not None
    return [value for _, _, value in found.pending_writes or ()]


def fill(saver: SqliteSaver) -> None:
    """Let the file grow no more."""
    saver.database.write(lambda c: c.execute("PRAGMA max_page_count=1").fetchone())


def make_room(saver: SqliteSaver) -> None:
    saver.database.write(lambda c: c.execute("PRAGMA max_page_count=100000").fetchone())


BIG = os.urandom(60_000).hex()


def test_results_of_one_thread_after_the_other_share_commits(saver: SqliteSaver) -> None:
    config, statements = put(saver), list[str]()
    saver.database.write(lambda connection: connection.set_trace_callback(statements.append))
    for number in range(200):
        saver.put_writes(config, [("x", number)], f"task {number}")
    assert sorted(seen(saver)) == list(range(200))
    assert statements.count("COMMIT") < 20


def test_by_itself_a_saver_lets_nothing_linger(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", synchronous="OFF") as saver:
        saver.put_writes(put(saver), [("x", 1)], "task")
        assert stored(saver.path) == ["task"]


@pytest.mark.parametrize("linger", [-0.1, 1.5, float("nan")])
def test_a_time_that_makes_no_sense_is_refused(tmp_path: Path, linger: float) -> None:
    with pytest.raises(ValueError, match="number of seconds, from 0"):
        SqliteSaver(tmp_path / "x.db", linger=linger)


def test_what_lingers_is_stored_though_nothing_else_happens(tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "x.db", linger=0.01) as saver:
        saver.put_writes(put(saver), [("x", 1)], "task")
        until = time.monotonic() + 60
        while stored(saver.path) != ["task"]:
            assert time.monotonic() < until
            time.sleep(0.01)


def asks(saver: SqliteSaver) -> None:
    newest = saver.get_tuple(at())
    assert newest is not None
    saver.put_writes(newest.config, [("__interrupt__", [Interrupt("Go on?", id="i")])], "asker")


def leased(saver: SqliteSaver) -> None:
    with lease(saver, "t"):
        pass


READERS: dict[str, Callable[[SqliteSaver], Any]] = {
    "get_tuple": lambda saver: saver.get_tuple(at()),
    "aget_tuple": lambda saver: asyncio.run(saver.aget_tuple(at())),
    "list": lambda saver: list(saver.list(None)),
    "history": lambda saver: saver.get_delta_channel_history(config=at(), channels=["x"]),
    "pending": pending,
    "runs": runs,
    "checkup": checkup,
}
WRITERS: dict[str, Callable[[SqliteSaver], Any]] = {
    "put": put,
    "put elsewhere": lambda saver: put(saver, "u"),
    "aput": lambda saver: asyncio.run(saver.aput(at(), empty_checkpoint(), {"source": "update", "step": 1}, {})),
    "remember": lambda saver: saver.remember("t", "key", "value"),
    "aremember": lambda saver: asyncio.run(saver.aremember("t", "key", "value")),
    "a question": asks,
    "an answer": lambda saver: saver.put_writes(put(saver, "u"), [("__resume__", ["yes"])], "answered"),
    "an error": lambda saver: saver.put_writes(put(saver, "u"), [("__error__", "no")], "failed"),
    "a lease": leased,
    "copy_thread": lambda saver: saver.copy_thread("t", "copy"),
    "delete_thread": lambda saver: saver.delete_thread("u"),
    "prune": lambda saver: prune(saver, keep=1),
    "close": lambda saver: saver.close(),
    "flush": lambda saver: saver.flush(),
    "aflush": lambda saver: asyncio.run(saver.aflush()),
}


@pytest.mark.parametrize("name", READERS | WRITERS)
def test_whatever_reads_or_writes_commits_what_lingers_first(saver: SqliteSaver, name: str) -> None:
    step = saver.put(put(saver), empty_checkpoint(), {"source": "loop", "step": 1}, {})
    saver.put_writes(step, [("x", 1)], "task")
    assert len(checkpoints(saver.path)) == 1
    (READERS | WRITERS)[name](saver)
    assert "task" in stored(saver.path)
    assert step["configurable"]["checkpoint_id"] in checkpoints(saver.path)


def test_a_decision_and_a_copy_commit_what_lingers_first(saver: SqliteSaver, tmp_path: Path) -> None:
    config = put(saver)
    asks(saver)
    (review,) = pending(saver)
    saver.put_writes(config, [("x", 1)], "before the decision")
    decide(saver, review.id, answer="yes", by="ann")
    assert "before the decision" in stored(saver.path)
    saver.put_writes(config, [("x", 2)], "before the copy")
    backup(saver, tmp_path / "copy.db")
    assert "before the copy" in stored(tmp_path / "copy.db")


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_graph_whose_results_linger_reads_back_what_memory_would(tmp_path: Path, name: str) -> None:
    with Twins(tmp_path / "x.db", linger=1) as twins:
        graph = WORKLOADS[name]().compile(checkpointer=twins)
        graph.invoke(INPUT, at())
        while open_ := waiting(graph, at()):
            graph.invoke(answered(sorted(open_)[:1]), at())
        history = list(graph.get_state_history(at()))
        for past in history[-1], history[len(history) // 2]:
            graph.invoke(None, past.config)
            fork = graph.update_state(past.config, {"log": ["by hand"]})
            graph.invoke(answered(waiting(graph, fork)) if waiting(graph, fork) else None, fork)
        assert twins.agree()


@pytest.mark.parametrize("name", WORKLOADS)
async def test_an_async_graph_whose_results_linger_reads_back_what_memory_would(tmp_path: Path, name: str) -> None:
    with Twins(tmp_path / "x.db", linger=1) as twins:
        graph = WORKLOADS[name]().compile(checkpointer=twins)
        await graph.ainvoke(INPUT, at())
        while open_ := {one.id: one.value for one in (await graph.aget_state(at())).interrupts}:
            await graph.ainvoke(answered(open_), at())
        assert twins.agree()


def steps(saver: SqliteSaver, *, count: int, size: int = 1) -> list[dict[str, Any]]:
    """Store steps of a run that adds to a list and a text, and what their tasks wrote; the states after each."""
    config, found, text, states = put(saver), list[str](), "", list[dict[str, Any]]()
    for number in range(1, count + 1):
        saver.put_writes(config, [("found", f"{number}"), ("text", "more")], f"task {number}")
        found, text = [*found, f"{number} " * 40], text + os.urandom(100 * size).hex()
        values = {"found": found, "text": text, "step": number}
        versions: Any = dict.fromkeys(values, f"{number}.0")
        checkpoint: Any = {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}
        config = saver.put(config, checkpoint, {"source": "loop", "step": number}, versions)
        states.append(values)
    return states


def states(saver: SqliteSaver) -> list[dict[str, Any]]:
    return [found.checkpoint["channel_values"] for found in saver.list(at()) if found.metadata["source"] == "loop"]


def test_steps_that_share_a_commit_are_the_steps_that_were_made(saver: SqliteSaver) -> None:
    made = steps(saver, count=50)
    assert len(checkpoints(saver.path)) == 1
    assert states(saver) == made[::-1]
    assert checkpoints(saver.path) == [found.config["configurable"]["checkpoint_id"] for found in saver.list(None)]
    with SqliteSaver(saver.path, readonly=True) as fresh:  # nothing of it comes from memory
        assert states(fresh) == made[::-1]
        newest = fresh.get_tuple(at())
        assert newest is not None
        assert newest.checkpoint["channel_values"] == made[-1]
    assert checkup(saver) == []


def test_steps_beside_work_that_was_undone_are_the_steps_that_were_made(saver: SqliteSaver) -> None:
    config = put(saver, "u")
    with lease(saver, "u") as first:
        stale: Any = {"configurable": {**config["configurable"], FENCE: (first.thread_id, first.token)}}
    with lease(saver, "u"):
        made = steps(saver, count=3)
        saver.put(stale, empty_checkpoint(), {"source": "loop", "step": 1}, {})
        saver.database.flush()  # all of it is undone, and done again but for that
        assert states(saver) == made[::-1]
        with pytest.raises(LeaseHeld, match="step 1"):
            saver.get_tuple(at("u"))
    more = steps(saver, count=3)
    assert states(saver)[:3] == more[::-1]
    with SqliteSaver(saver.path, readonly=True) as fresh:
        assert states(fresh) == states(saver)


def test_steps_that_a_full_disk_refused_leave_nothing_behind(saver: SqliteSaver) -> None:
    put(saver)
    fill(saver)
    steps(saver, count=3, size=4_000)
    with pytest.raises(StoreFull, match=r"\(task task 1, step 1, task task 2, \.\.\.\)"):
        saver.get_tuple(at())
    make_room(saver)
    made = steps(saver, count=3)
    assert states(saver) == made[::-1]
    with SqliteSaver(saver.path, readonly=True) as fresh:
        assert states(fresh) == made[::-1]


def test_of_one_task_what_it_wrote_first_stays(saver: SqliteSaver) -> None:
    config = put(saver)
    for number in range(5):
        saver.put_writes(config, [("x", number)], "task")
    assert seen(saver) == [0]


def test_threads_and_coroutines_lose_nothing_and_see_their_own(saver: SqliteSaver) -> None:
    config = put(saver)

    def write(number: int) -> None:
        saver.put_writes(config, [("x", number)], f"task {number}")
        if number % 50 == 0:
            assert number in seen(saver)

    async def awrite(number: int) -> None:
        await saver.aput_writes(config, [("x", number)], f"task {number}")

    async def awrites() -> None:
        await asyncio.gather(*(awrite(-number - 1) for number in range(300)))

    with ThreadPoolExecutor(6) as pool:
        beside = pool.submit(asyncio.run, awrites())
        list(pool.map(write, range(300)))
        beside.result()
    assert sorted(seen(saver)) == list(range(-300, 300))


def test_a_value_that_cannot_be_stored_is_refused_at_once(saver: SqliteSaver) -> None:
    config = put(saver)
    with pytest.raises(TypeError) as caught:
        saver.put_writes(config, [("field", threading.Lock())], "task")
    assert "'field'" in "".join(caught.value.__notes__)
    assert seen(saver) == []


def test_of_a_full_disk_the_next_call_for_the_thread_hears_and_no_other(saver: SqliteSaver) -> None:
    config, other = put(saver), put(saver, "u")
    fill(saver)
    saver.put_writes(config, [("x", BIG)], "task 1")
    saver.put_writes(config, [("x", BIG)], "task 2")
    assert seen(saver, "u") == []  # others read on
    with pytest.raises(StoreFull, match=r"done again.*: 2 of thread 't' \(task task 1, task task 2\)"):
        saver.put_writes(config, [("x", 3)], "task 3")
    make_room(saver)
    assert seen(saver) == []  # said once
    saver.put_writes(config, [("x", 4)], "task 4")
    saver.put_writes(other, [("x", 5)], "task 5")
    assert (seen(saver), seen(saver, "u")) == ([4], [5])


def test_a_checkpoint_is_not_stored_after_results_that_are_lost(saver: SqliteSaver) -> None:
    config = put(saver)
    fill(saver)
    saver.put_writes(config, [("x", BIG)], "task")
    assert pending(saver) == []  # another's read: by now it is tried, and nobody for the thread was told
    make_room(saver)
    following = empty_checkpoint()
    with pytest.raises(StoreFull, match="task task"):
        saver.put(config, following, {"source": "loop", "step": 1}, {})
    assert saver.get_tuple(at(checkpoint_id=following["id"])) is None
    saver.put(config, following, {"source": "loop", "step": 1}, {})


def test_readers_of_every_kind_hear_what_was_lost(saver: SqliteSaver) -> None:
    config = put(saver)
    fill(saver)
    for read in (READERS["get_tuple"], READERS["aget_tuple"], READERS["history"], lambda s: list(s.list(at()))):
        saver.put_writes(config, [("x", BIG)], "task")
        with pytest.raises(StoreFull, match="not stored"):
            read(saver)
    make_room(saver)


def test_who_flushes_hears_what_was_lost(saver: SqliteSaver) -> None:
    config = put(saver)
    fill(saver)
    saver.put_writes(config, [("x", BIG)], "task")
    with pytest.raises(StoreFull, match="of thread 't'"):
        saver.flush()
    make_room(saver)
    saver.put_writes(config, [("x", 1)], "task")
    saver.flush()
    assert stored(saver.path) == ["task"]


def test_who_closes_hears_what_was_lost_and_the_file_is_let_go(tmp_path: Path) -> None:
    saver = SqliteSaver(tmp_path / "x.db", linger=1)
    config = put(saver)
    fill(saver)
    saver.put_writes(config, [("x", BIG)], "task")
    with pytest.raises(StoreFull, match="of thread 't'"):
        saver.close()
    with pytest.raises(StoreError, match="was closed"):
        put(saver)
    saver.close()


def test_results_of_whoever_lost_the_lease_are_kept_out_and_told(saver: SqliteSaver) -> None:
    config = put(saver)
    with lease(saver, "t") as first:
        stale: Any = {"configurable": {**config["configurable"], FENCE: (first.thread_id, first.token)}}
    with lease(saver, "t"):
        saver.put_writes(stale, [("x", 1)], "stale")
        with pytest.raises(LeaseHeld, match="stale"):
            saver.get_tuple(at())
        assert seen(saver) == []


def test_no_more_lingers_than_memory_should_hold(saver: SqliteSaver) -> None:
    config, size = put(saver), 2_000_000
    for number in range(20):
        saver.put_writes(config, [("x", os.urandom(size))], f"task {number}")
    assert len(stored(saver.path)) >= 20 - MOST // size


FORKING = """
import os, sys
from langgraph.checkpoint.base import empty_checkpoint
from treadle.checkpoints import SqliteSaver

saver = SqliteSaver(sys.argv[1], linger=1)
at = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
config = saver.put(at, empty_checkpoint(), {"source": "loop", "step": 0}, {})
saver.put_writes(config, [("x", 1)], "parent")
child = os.fork()
saver.put_writes(config, [("x", 2)], "after" if child else "child")
if child:
    assert os.waitpid(child, 0)[1] == 0
saver.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_store_what_lingers_in_its_parent(tmp_path: Path) -> None:
    assert program(FORKING, tmp_path / "x.db").returncode == 0
    with SqliteSaver(tmp_path / "x.db", readonly=True) as saver:
        bodies = saver.database.read(lambda c: [row[0] for row in c.execute("SELECT body FROM writes")])
    assert sorted(stored(tmp_path / "x.db")) == ["after", "child", "parent"]
    assert sum(b"parent" in body for body in bodies) == 1


KILLED = """
import os, sys
from langgraph.checkpoint.base import empty_checkpoint
from treadle.checkpoints import SqliteSaver

saver = SqliteSaver(sys.argv[1], synchronous="OFF", linger=0.05)
at = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
config = saver.put(at, {**empty_checkpoint(), "id": "1"}, {"source": "loop", "step": 0}, {})
for number in range(100_000):
    saver.put_writes(config, [("x", number)], f"task {number}")
    kind = "result"
    if number % 400 == 399:
        saver.put_writes(config, [("__error__", "on purpose")], f"failed {number}")
        kind = "barrier"
    os.write(1, f"{kind} {number}\\n".encode())
"""


def test_a_kill_takes_only_the_newest_results(tmp_path: Path) -> None:
    with programmed(KILLED, tmp_path / "x.db") as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(1500)]
        child.send_signal(signal.SIGKILL)
        told += child.stdout.readlines()
    barriers = [int(line.split()[1]) for line in told if line.startswith("barrier") and line.endswith("\n")]
    with SqliteSaver(tmp_path / "x.db", readonly=True) as saver:
        kept = sorted(value for value in seen(saver) if value != "on purpose")
    assert kept == list(range(len(kept)))  # in order, and none amid them is missing
    assert len(kept) > barriers[-1]


ENDING = """
import os, sys
from langgraph.checkpoint.base import empty_checkpoint
from treadle.checkpoints import SqliteSaver

saver = SqliteSaver(sys.argv[1], linger=1)
at = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
config = saver.put(at, empty_checkpoint(), {"source": "loop", "step": 0}, {})
saver.put_writes(config, [("x", 1)], "task")
if sys.argv[2] == "full":
    saver.database.write(lambda c: c.execute("PRAGMA max_page_count=1").fetchone())
    saver.put_writes(config, [("x", os.urandom(100_000))], "big")
raise KeyboardInterrupt if sys.argv[2] == "Ctrl-C" else ValueError("a bug")
"""


@pytest.mark.parametrize("why", ["a bug", "Ctrl-C", "full"])
def test_a_process_that_ends_without_closing_stores_what_lingers_or_says_what_was_lost(
    tmp_path: Path, why: str
) -> None:
    told = program(ENDING, tmp_path / "x.db", why).stderr
    assert stored(tmp_path / "x.db") == ["task"]
    assert ("of thread 't' (task big)" in told) == (why == "full")


BRANCHES = """
import os, sys, threading
from treadle import fan_out
from treadle.checkpoints import SqliteSaver
from treadle.nodes import step

class Saver(SqliteSaver):
    kept = threading.Event()

    def remember(self, *given):
        super().remember(*given)
        self.kept.set()

def say(word):
    if word == "slow" and len(sys.argv) > 2:
        Saver.kept.wait(30)
        os.kill(os.getpid(), 9)
    os.write(1, f"{word} ran\\n".encode())
    return word.upper()

fan = fan_out(step(say), over="words", item="word", into="said")
with Saver(sys.argv[1], linger=1) as saver:
    made = fan.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "t"}}
    given = {"words": ["quick", "slow"]} if len(sys.argv) > 2 else None
    print(made.invoke(given, config, durability="sync")["said"])
"""


def test_a_finished_branch_of_a_fan_out_is_not_run_again_though_results_linger(tmp_path: Path) -> None:
    first = program(BRANCHES, tmp_path / "x.db", "die")
    assert (first.returncode, first.stdout) == (-9, "quick ran\n"), first.stderr
    assert program(BRANCHES, tmp_path / "x.db").stdout == "slow ran\n['QUICK', 'SLOW']\n"
