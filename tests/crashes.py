"""A crash campaign: random graphs, killed at random moments, must go on to the end that they would have had.

    python tests/crashes.py --kills 500
    python tests/crashes.py --kills 0 --statements --tears 500

After each kill: SQLite's integrity check, everything that `treadle db check` looks at, every call that had returned
is found in the file, the open questions are in the queue; at last the run ends as it does in memory, unharmed.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.checkpoint.base import WRITES_IDX_MAP
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

from treadle.checkpoints import SqliteSaver, advance, decide, pending
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.layouts.writes import written
from treadle.errors import RunNotFound

WORDS = "The Supplier shall deliver the Services with reasonable skill and care. " * 60
THREAD: Any = {"configurable": {"thread_id": "t"}}
WAYS = ("sync", "async", "runner")


class State(TypedDict, total=False):
    log: Annotated[list[str], add]
    text: str
    table: Annotated[dict[str, Any], lambda old, new: {**old, **new}]
    rounds: Annotated[int, add]
    item: Any


@dataclass(frozen=True)
class Plan:
    """One random graph and how it is run; everything follows from the seed."""

    seed: int
    way: str = field(init=False)
    durability: Any = field(init=False)
    synchronous: Any = field(init=False)
    linger: float = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)
        object.__setattr__(self, "way", rng.choice(WAYS))
        object.__setattr__(self, "durability", rng.choice(["sync", "async", "async", "exit"]))
        object.__setattr__(self, "synchronous", rng.choice(["FULL", "NORMAL", "OFF"]))
        object.__setattr__(self, "linger", rng.choice([0.0, 0.0, 0.02, 1.0]))

    def graph(self, saver: Any) -> Any:
        """The graph on a saver."""
        rng = random.Random(self.seed + 1)
        built, before = StateGraph(State), START
        for number in range(rng.randint(2, 5)):
            stage = rng.choice([step, fan, gate, loop, nested])
            before = stage(built, f"s{number}", before, rng)
        built.add_edge(before, END)
        return built.compile(checkpointer=saver)


def work(name: str, size: int) -> Callable[[State], Any]:
    """A node whose result follows from the state alone."""

    def node(state: State) -> Any:
        count = len(state.get("log", []))
        return {
            "log": [f"{name} after {count}: {WORDS[:size]}"],
            "text": (state.get("text", "") + WORDS[:size])[-20_000:],
            "table": {name: {"count": count, "words": WORDS[: size // 2]}},
        }

    return node


def step(built: Any, name: str, before: str, rng: random.Random) -> str:
    built.add_node(name, work(name, rng.choice([10, 300, 4000])))
    built.add_edge(before, name)
    return name


def loop(built: Any, name: str, before: str, rng: random.Random) -> str:
    rounds = rng.randint(2, 6)
    size = rng.choice([10, 900])

    def again(state: State) -> Any:
        return {"log": [f"{name}: {WORDS[:size]}"], "table": {name: state.get("table", {}).get(name, 0) + 1}}

    built.add_node(name, again)
    built.add_edge(before, name)
    built.add_node(f"{name}.end", work(f"{name}.end", 5))
    built.add_conditional_edges(
        name, lambda state: name if state["table"][name] < rounds else f"{name}.end", [name, f"{name}.end"]
    )
    return f"{name}.end"


def fan(built: Any, name: str, before: str, rng: random.Random) -> str:
    width, size = rng.randint(3, 14), rng.choice([10, 1500])
    every = rng.choice([0, 0, 3])

    def branch(state: State) -> Any:
        item = state["item"]
        said = interrupt({"stage": name, "item": item}) if every and item % every == 0 else ""
        return {"log": [f"{name} {item} {said} {WORDS[:size]}"]}

    built.add_node(f"{name}.from", work(f"{name}.from", 5))
    built.add_edge(before, f"{name}.from")
    built.add_node(name, branch)
    built.add_conditional_edges(
        f"{name}.from", lambda state: [Send(name, {"item": item}) for item in range(width)], [name]
    )
    built.add_node(f"{name}.join", work(f"{name}.join", 5))
    built.add_edge(name, f"{name}.join")
    return f"{name}.join"


def gate(built: Any, name: str, before: str, rng: random.Random) -> str:
    def ask(state: State) -> Any:
        said = interrupt({"stage": name, "so far": len(state.get("log", []))})
        return {"log": [f"{name}: {said}"]}

    built.add_node(name, ask)
    built.add_edge(before, name)
    return name


def nested(built: Any, name: str, before: str, rng: random.Random) -> str:
    inner, last = StateGraph(State), START
    for number in range(rng.randint(1, 3)):
        last = rng.choice([step, gate])(inner, f"{name}.{number}", last, rng)
    inner.add_edge(last, END)
    compiled = inner.compile()

    def call(state: State) -> Any:
        done = compiled.invoke({"log": state.get("log", [])[-1:], "text": state.get("text", "")})
        return {"log": done["log"][1:]}

    if rng.random() < 0.5:
        built.add_node(name, call)
    else:
        deeper = StateGraph(State)
        deeper.add_node("inside", call)
        deeper.add_edge(START, "inside")
        deeper.add_edge("inside", END)
        middle = deeper.compile()
        built.add_node(name, lambda state: {"log": middle.invoke({"log": state.get("log", [])[-1:]})["log"][1:]})
    built.add_edge(before, name)
    return name


INPUT = {"log": ["begin"], "text": WORDS[:2000], "table": {}}


def answer(value: Any) -> str:
    return f"yes to {json.dumps(value, sort_keys=True)}"


class Noting(SqliteSaver):
    """Notes every call that returned, in a file that outlives the process; what lingers, once a later one did."""

    notes: int

    def __init__(self, path: Path, **how: Any) -> None:
        super().__init__(path, **how)
        self._lingering: dict[tuple[Any, ...], None] = {}

    def note(self, *words: Any) -> None:
        wal = self.path.with_name(self.path.name + "-wal")
        size = wal.stat().st_size if wal.exists() else 0
        os.write(self.notes, (json.dumps([*words, size]) + "\n").encode())

    @contextmanager
    def noted(self, *words: Any, lingers: bool = False) -> Iterator[None]:
        before = list(self._lingering)
        yield
        if lingers:
            self._lingering[words] = None
            return
        for one in before:
            if self._lingering.pop(one, False) is None:
                self.note(*one)
        self.note(*words)

    def wrote(self, config: Any, writes: Any, task_id: str) -> AbstractContextManager[None]:
        lingers = self.database.linger > 0 and not any(channel in WRITES_IDX_MAP for channel, _ in writes)
        return self.noted("writes", config["configurable"]["checkpoint_id"], task_id, lingers=lingers)

    def made(self, config: Any, checkpoint: Any, metadata: Any) -> AbstractContextManager[None]:
        lingers = self.database.linger > 0 and metadata["source"] == "loop"
        return self.noted("put", config["configurable"].get("checkpoint_ns", ""), checkpoint["id"], lingers=lingers)

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        with self.made(config, checkpoint, metadata):
            return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        with self.wrote(config, writes, task_id):
            super().put_writes(config, writes, task_id, task_path)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        with self.made(config, checkpoint, metadata):
            return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        with self.wrote(config, writes, task_id):
            await super().aput_writes(config, writes, task_id, task_path)


def opened(plan: Plan, folder: Path) -> Noting:
    saver = Noting(folder / "x.db", synchronous=plan.synchronous, linger=plan.linger)
    saver.notes = os.open(folder / "notes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return saver


# How a run is taken on from wherever it is


def run(plan: Plan, saver: Any) -> Any:
    """Take the run to its end; the last state."""
    graph = plan.graph(saver)
    if plan.way == "runner" and isinstance(saver, SqliteSaver):
        _advanced(plan, saver, graph)
    elif plan.way == "async":
        asyncio.run(_ainvoked(plan, graph))
    else:
        _invoked(plan, graph)
    return graph.get_state(THREAD).values


def _next(state: Any) -> Any:
    """What to invoke the graph with; END if it is over."""
    if state.created_at is None:
        return INPUT
    if not state.tasks:  # not ``next``: that leaves out steps whose results are stored and yet to be applied
        return END
    return Command(resume={one.id: answer(one.value) for one in state.interrupts}) if state.interrupts else None


def _invoked(plan: Plan, graph: Any) -> None:
    while (given := _next(graph.get_state(THREAD))) is not END:
        graph.invoke(given, THREAD, durability=plan.durability)


async def _ainvoked(plan: Plan, graph: Any) -> None:
    while (given := _next(await graph.aget_state(THREAD))) is not END:
        await graph.ainvoke(given, THREAD, durability=plan.durability)


def _advanced(plan: Plan, saver: SqliteSaver, graph: Any) -> None:
    while True:
        try:
            run = advance(saver, graph, "t")
        except RunNotFound:
            run = advance(saver, graph, "t", input=INPUT, name="random")
        if run.status == "done":
            return
        assert run.status in ("waiting", "decided"), (run.status, run.error)
        for review in pending(saver, thread="t", limit=1000):
            made = decide(saver, review.id, answer=answer(review.value), by="driver", thread="t")
            if isinstance(saver, Noting):
                saver.note("decision", made.seq, made.hash)


def unharmed(plan: Plan) -> Any:
    """The last state of the same run in memory, where nothing happens to it."""
    return run(plan, InMemorySaver())


# What must hold after a kill


def examine(plan: Plan, folder: Path, *, synced: int | None = None) -> None:
    """Check the file as it was left; with ``synced``, only notes made up to that size of the log bind it."""
    if not (folder / "x.db").exists():
        return
    with sqlite3.connect(folder / "x.db") as connection:
        assert [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]
    connection.close()
    with SqliteSaver(folder / "x.db", synchronous="OFF") as saver:
        found = [problem for problem in checkup(saver) if problem.kind != "leftover"]
        assert not found, found
        missing = [note for note in noted(folder, synced) if not saver.database.read(partial(_has, note=note))]
        assert not missing, missing
        tasks = plan.graph(saver).get_state(THREAD).tasks
        open_ = {one.id for task in tasks if task.result is None for one in task.interrupts}
        queued = {review.id for status in ("pending", "decided") for review in _queued(saver, status)}
        # A subgraph that took its answer is further on than the step around it, which LangGraph shows as still asking.
        taken = {review.id for review in _queued(saver, "closed") if review.ns}
        assert open_ <= queued | taken, (open_, queued)


def _queued(saver: SqliteSaver, status: Any) -> list[Any]:
    return pending(saver, thread="t", status=status, limit=1000)


def noted(folder: Path, synced: int | None = None) -> list[Any]:
    path = folder / "notes"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    notes = [json.loads(line) for line in lines]
    return [note for note in notes if synced is None or note[-1] <= synced]


def _has(connection: sqlite3.Connection, note: Any) -> bool:
    queries = {
        "put": "SELECT 1 FROM checkpoints JOIN spaces ON spaces.key = space WHERE ns = ? AND id = ? AND body NOT NULL",
        "decision": "SELECT 1 FROM decisions WHERE seq = ? AND hash = ?",
    }
    kind, *values, _ = note
    if kind == "writes":
        keys = [row[0] for row in connection.execute("SELECT key FROM checkpoints WHERE id = ?", values[:1])]
        return any(write[0] == values[1] for found in written(connection, keys).values() for write in found)
    return connection.execute(queries[kind], values).fetchone() is not None


def conclude(plan: Plan, folder: Path) -> None:
    """Take the run to its end and compare it with an unharmed one."""
    with opened(plan, folder) as saver:
        ended = run(plan, saver)
        assert checkup(saver) == []
        assert not _queued(saver, "pending")
    expected = unharmed(plan)
    different = [name for name in expected.keys() | ended.keys() if expected.get(name) != ended.get(name)]
    assert not different, (plan, different, str(ended)[-500:], str(expected)[-500:])


# Processes


@cache
def _warm() -> None:
    """Load what is loaded late, so that children need not; the parent opens no database and keeps no thread."""
    import treadle.checkpoints.disks.migrations  # noqa: F401

    unharmed(Plan(next(seeds("sync"))))


def child(action: Callable[[], Any]) -> int:
    """Do something in a forked process; returns its id. Exit code 0, or 1 with a traceback."""
    _warm()
    pid = os.fork()
    if pid:
        return pid
    try:
        action()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def checked(plan: Plan, what: str, action: Callable[[], Any]) -> None:
    if ended(child(action)):
        raise SystemExit(f"{what} of {plan} failed")


def _work(plan: Plan, folder: Path, *, statement: int | None = None, log: bool = False) -> None:
    """The work of a child that is killed: at a statement, if one is given."""
    saver = opened(plan, folder)
    if log:
        saver.database.write(lambda connection: connection.execute("PRAGMA wal_autocheckpoint=0").fetchone())
    if statement is not None:
        left = statement

        def count(_: str) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

        saver.database.write(lambda connection: connection.set_trace_callback(count))
    run(plan, saver)
    if log:
        os.kill(os.getpid(), signal.SIGKILL)  # to close the file would be to empty its log
    saver.close()


def killed(plan: Plan, folder: Path, after: float) -> bool:
    """Run a child and kill it after some seconds; whether it was still running."""
    pid = child(lambda: _work(plan, folder))
    time.sleep(after)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    code = ended(pid)
    if code == 1:
        raise SystemExit(f"The child of {plan} failed by itself")
    return code == -signal.SIGKILL


def campaign(kills: int, *, first: int = 0, within: float = float("inf")) -> Counter[str]:
    """Kill random runs at random moments, each until it has ended or was killed four times."""
    done: Counter[str] = Counter()
    until, seed = time.monotonic() + within, first
    while done["kills"] < kills and time.monotonic() < until:
        seed += 1
        plan, rng = Plan(seed), random.Random(seed + 2)
        with _folder() as folder:
            _warm()
            began = time.monotonic()
            checked(plan, "An unharmed run", partial(_unharmed, plan, folder / "unharmed"))
            length = time.monotonic() - began
            for _ in range(4):
                if not killed(plan, folder, rng.uniform(0.0, 0.8 * length)):
                    break
                done["kills"] += 1
                done[plan.way] += 1
                done[plan.synchronous] += 1
                done["lingering"] += plan.linger > 0
                checked(plan, "The file", partial(examine, plan, folder))
            checked(plan, "The end", partial(conclude, plan, folder))
            done["runs"] += 1
    return done


def statements(seed: int, *, every: int = 1) -> int:
    """Kill a run once before each statement of its writer (or each ``every``-th); how many kills that made."""
    plan, number, kills = Plan(seed), 1, 0
    while True:
        with _folder() as folder:
            code = ended(child(partial(_work, plan, folder, statement=number)))
            if code == 0:
                return kills
            if code != -signal.SIGKILL:
                raise SystemExit(f"The child of {plan} failed by itself at statement {number}")
            checked(plan, f"The file after statement {number}", partial(examine, plan, folder))
            checked(plan, f"The end after statement {number}", partial(conclude, plan, folder))
        number, kills = number + every, kills + 1


def tears(seed: int, count: int) -> int:
    """Let a run's power fail at random points of its log: cut, torn, or with pages that never were written."""
    plan, rng = Plan(seed), random.Random(seed)
    object.__setattr__(plan, "way", "sync")  # one writer: what a note says of the log's size is what was synced
    object.__setattr__(plan, "synchronous", rng.choice(["FULL", "NORMAL"]))
    with _folder() as folder:
        pid = child(partial(_work, plan, folder, log=True))
        time.sleep(rng.uniform(0.02, 0.5))
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        ended(pid)
        for number in range(count):
            checked(plan, f"Tear {number}", partial(_torn, plan, folder, random.Random(seed + number)))
    return count


def _torn(plan: Plan, folder: Path, rng: random.Random) -> None:
    with _folder() as copy:
        for name in ("x.db", "x.db-wal", "notes"):
            if (folder / name).exists():
                shutil.copy(folder / name, copy / name)
        wal = copy / "x.db-wal"
        if not wal.exists():  # killed before its first write
            return
        content = wal.read_bytes()
        cut = rng.randint(0, len(content))
        rest = content[cut:]
        kind = rng.choice(["cut", "garbage", "zeros", "holes"])
        if kind == "cut":
            rest = b""
        elif kind == "garbage":
            rest = rng.randbytes(min(len(rest), 8192)) + rest[8192:]
        elif kind == "zeros":
            rest = bytes(len(rest))
        else:
            rest = b"".join(
                bytes(512) if rng.random() < 0.5 else rest[at : at + 512] for at in range(0, len(rest), 512)
            )
        wal.write_bytes(content[:cut] + rest)
        # What NORMAL promises after a power cut is a sound file, not the last steps.
        examine(plan, copy, synced=cut if plan.synchronous == "FULL" else -1)
        if rng.random() < 0.2:
            conclude(plan, copy)


def _unharmed(plan: Plan, folder: Path) -> None:
    folder.mkdir()
    _work(plan, folder)


class _folder:  # noqa: N801
    """A new folder, in memory where that is possible: a killed process loses nothing that it wrote there either."""

    def __enter__(self) -> Path:
        self.made = tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        return Path(self.made.__enter__())

    def __exit__(self, *_: object) -> None:
        self.made.cleanup()


def seeds(way: str) -> Iterator[int]:
    """Seeds of runs of one way."""
    return (seed for seed in range(10_000) if Plan(seed).way == way)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25, help="kills at random moments")
    parser.add_argument("--seed", type=int, default=0, help="the first graph")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop killing after this time")
    parser.add_argument("--statements", action="store_true", help="kill once before each statement of three small runs")
    parser.add_argument("--every", type=int, default=1, help="only each so many-th statement")
    parser.add_argument("--tears", type=int, default=0, help="power failures to imitate")
    given = parser.parse_args()
    began = time.monotonic()
    if given.kills:
        print(json.dumps(campaign(given.kills, first=given.seed, within=given.seconds)), flush=True)
    if given.statements:
        for seed in (next(seeds("sync")), next(seeds("runner"))):
            print(json.dumps({"seed": seed, "statements": statements(seed, every=given.every)}), flush=True)
    for number in range(0, given.tears, 25):
        print(
            json.dumps({"seed": number, "tears": tears(given.seed + number, min(25, given.tears - number))}), flush=True
        )
    print(f"All held, in {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
