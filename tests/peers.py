"""One scenario on two checkpointers: what a user sees of it, and what is stored, in words that compare.

A scenario is a generator that is given a `World` and yields whatever it sees. Ids, times and versions differ from run
to run and are told as `<id>`; which checkpoint follows which is told by its place in the history.
"""

import asyncio
import dataclasses
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from langgraph.checkpoint.base import WRITES_IDX_MAP, BaseCheckpointSaver
from langgraph.checkpoint.serde.types import RESUME, _DeltaSnapshot
from langgraph.checkpoint.sqlite import SqliteSaver as ReadySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver as AsyncReadySaver
from langgraph.types import Interrupt

from treadle.checkpoints import SqliteSaver

Api = Literal["sync", "async"]
Durability = Literal["sync", "async", "exit"]

RUNS = {"invoke", "stream"}
"""What takes a durability."""

VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # checkpoints, tasks, messages
    r"|\b\d{32}\.[0-9.e-]+|\b\d{10}\.[0-9a-f]{10}\b"  # versions
    r"|\b[0-9a-f]{32}\b"  # interrupts
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00"
    r"|0x[0-9a-f]{6,}"
)


@dataclass(frozen=True)
class World:
    """How a scenario uses graphs: on which checkpointer, by which API, with which durability."""

    saver: Any
    durability: Durability = "async"
    runner: asyncio.Runner | None = None

    def __call__(self, graph: Any, verb: str, *arguments: Any, **how: Any) -> Any:
        """Call a method of a graph, or its async twin; whatever comes one by one comes as a list."""
        if verb in RUNS:
            how = {"durability": self.durability, **how}
        if self.runner is None:
            made = getattr(graph, verb)(*arguments, **how)
            return list(made) if isinstance(made, Iterator) else made

        async def go() -> Any:
            made = getattr(graph, f"a{verb}")(*arguments, **how)
            return [one async for one in made] if hasattr(made, "__aiter__") else await made

        return self.runner.run(go())

    def attempt(self, graph: Any, verb: str, *arguments: Any, **how: Any) -> Any:
        """As a call; an error is what it returns."""
        try:
            return self(graph, verb, *arguments, **how)
        except Exception as error:
            return type(error).__name__, str(error)


Scenario = Callable[[World], Iterator[Any]]


@contextmanager
def ours(path: Path, api: Api, durability: Durability, **how: Any) -> Iterator[World]:
    """A world on a treadle database."""
    with SqliteSaver(path, synchronous="OFF", **how) as saver:
        if api == "sync":
            yield World(saver, durability)
        else:
            with asyncio.Runner() as runner:
                yield World(saver, durability, runner)


@contextmanager
def theirs(path: Path, api: Api, durability: Durability, **how: Any) -> Iterator[World]:
    """A world on a database of langgraph-checkpoint-sqlite."""
    if api == "sync":
        connection = sqlite3.connect(path, check_same_thread=False)
        connection.execute("PRAGMA synchronous=OFF")
        try:
            yield World(ReadySaver(connection, **how), durability)
        finally:
            connection.close()
        return
    with asyncio.Runner() as runner:
        opened = AsyncReadySaver.from_conn_string(str(path))
        saver = runner.run(opened.__aenter__())
        saver.serde = how.get("serde", saver.serde)
        runner.run(_hurried(saver))
        try:
            yield World(saver, durability, runner)
        finally:
            runner.run(opened.__aexit__(None, None, None))


async def _hurried(saver: Any) -> None:
    await saver.conn.execute("PRAGMA synchronous=OFF")


def difference(scenario: Scenario, folder: Path, api: Api, durability: Durability) -> str | None:
    """Where two checkpointers tell a scenario differently first; None if they do not."""
    with theirs(folder / "theirs.db", api, durability) as world:
        expected = seen(scenario, world)
    with ours(folder / "ours.db", api, durability) as world:
        found = seen(scenario, world)
    for place, (one, other) in enumerate(zip(found, expected, strict=False)):
        since = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
        if one != other:
            shown = [text[max(0, since - 300) : since + 300] for text in (one, other)]
            return f"{place} of {len(found)} on {api} with {durability}: {shown[0]}\n!= {shown[1]}"
    return None if len(found) == len(expected) else f"{len(found)} against {len(expected)} on {api} with {durability}"


def seen(scenario: Scenario, world: World) -> list[str]:
    """What a scenario sees, and at last all that is stored."""
    return [*(told(one) for one in scenario(world)), *stored(world)]


def stored(world: World, *, ordered: bool = True) -> list[str]:
    """All checkpoints with their writes, newest first in each namespace of each thread.

    A task's writes are in the order of LangGraph's sets, which two processes may see differently: then not ``ordered``.
    """
    groups: dict[tuple[str, str], list[Any]] = {}
    for found in world(world.saver, "list", None):
        at = found.config["configurable"]
        groups.setdefault((str(at["thread_id"]), at["checkpoint_ns"]), []).append(found)
    return sorted(told((*place, _line(found, ordered=ordered))) for place, found in groups.items())


def _line(found: list[Any], *, ordered: bool) -> list[Any]:
    """Checkpoints of one namespace, each with the place of its parent among them."""
    places = {one.checkpoint["id"]: place for place, one in enumerate(found)}

    def parent(one: Any) -> Any:
        config = one.parent_config
        return places.get(config["configurable"]["checkpoint_id"], "elsewhere") if config else None

    def writes(one: Any) -> list[Any]:
        left = _open(one.pending_writes)
        return left if ordered else sorted(left, key=told)

    return [(parent(one), _whole(one.checkpoint), one.metadata, writes(one)) for one in found]


def _whole(checkpoint: Any) -> Any:
    """A checkpoint without what differs by chance, or by right.

    Only savers by version find the snapshot of a delta channel in the steps after the one that made it. What a join
    waits for is a set that LangGraph goes on changing while it is stored.
    """
    values = {k: v for k, v in checkpoint["channel_values"].items() if not isinstance(v, _DeltaSnapshot | set)}
    return {**checkpoint, "channel_values": values}


def _open(writes: Any) -> list[Any]:
    """Writes without the answers of tasks that ended: whether the last of them replaces the first differs by saver."""
    ended = {task for task, channel, _ in writes if channel not in WRITES_IDX_MAP}
    return [one for one in writes if one[1] != RESUME or one[0] not in ended]


def told(value: Any) -> str:
    """A value in words that compare: mappings and sets in an order, nothing that varies from run to run."""
    return VARIES.sub("<id>", _words(value))


def _words(value: Any) -> str:
    if isinstance(value, BaseCheckpointSaver):
        return "<saver>"
    if isinstance(value, Mapping):
        pairs = sorted(f"{VARIES.sub('<id>', _words(key))}: {_words(one)}" for key, one in value.items())
        return f"{type(value).__name__}{{{', '.join(pairs)}}}"
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}{{{', '.join(sorted(_words(one) for one in value))}}}"
    if isinstance(value, list | tuple):
        words = [_words(one) for one in value]
        if value and all(isinstance(one, Interrupt) for one in value):  # in the order in which branches stopped
            words = sorted(map(told, value))
        return f"{type(value).__name__}({', '.join(words)})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return f"{type(value).__name__}{_words(fields)}"
    if isinstance(value, str | bytes) and len(value) > 10_000:
        return f"{type(value).__name__} of {len(value)}: {hash(value)}"
    return repr(value)
