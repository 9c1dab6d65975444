"""How a step finds, in the config that LangGraph hands it, the store that keeps its results and its trace."""

import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, runtime_checkable

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.nodes.steps import Block, Effect


@runtime_checkable
class Recorder(Protocol):
    """A checkpointer that also keeps a journal of results and a trace; treadle's SqliteSaver is one."""

    def recall(self, thread_id: str, key: str) -> tuple[Any] | None:
        """Return the result stored under a key, in a tuple of one, or None."""

    def remember(self, thread_id: str, key: str, value: Any, written: Callable[[], object] | None = None) -> None:
        """Store a result under a key; it is durable on return, and survives the process when `written` is called."""

    def trace(self, thread_id: str, entry: Mapping[str, Any]) -> None:
        """Append one entry to the run's trace."""


@runtime_checkable
class Journal(Recorder, Protocol):
    """A recorder that also takes results from coroutines, many a transaction, and gives back many at once."""

    async def aremember(
        self, thread_id: str, key: str, value: Any, written: Callable[[], object] | None = None
    ) -> None:
        """As `remember`, while the event loop goes on."""

    def remembered(self, thread_id: str, prefix: str) -> Mapping[str, Any]:
        """Return every result stored under keys that begin with a prefix, by the rest of the key."""
        ...


@runtime_checkable
class Teller(Protocol):
    """A checkpointer that also keeps the newest news of fan-outs."""

    def tell(self, thread_id: str, news: Mapping[str, Any]) -> None:
        """Take the newest news of the fan-out at their "place"; it does not block."""


@runtime_checkable
class Desk(Protocol):
    """A checkpointer whose review queue also takes questions that hold no run, and takes questions back."""

    def inquire(self, config: RunnableConfig, question: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        """Queue a question; durable on return. A task that asks the same again gets the same id back."""
        ...

    async def ainquire(self, config: RunnableConfig, question: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
        """As `inquire`, on the running loop."""
        ...

    def retract(self, thread_id: str, ns: str, why: str) -> int:
        """Close what is asked in a namespace of a run that needs no more answers there; returns how many that were."""
        ...


def desk(config: RunnableConfig) -> Desk | None:
    """Return the run's checkpointer if it is a Desk."""
    found = recorder(config)
    return found if isinstance(found, Desk) else None


def journal(config: RunnableConfig) -> Journal | None:
    """Return the run's checkpointer if it is a Journal."""
    found = recorder(config)
    return found if isinstance(found, Journal) else None


def recorder(config: RunnableConfig) -> Recorder | None:
    """Return the run's checkpointer if it is a Recorder.

    LangGraph passes the checkpointer to every node among the configurable values; it is known here by what it can do.
    """
    values = config.get("configurable", {})
    if "thread_id" not in values:
        return None
    for value in values.values():
        kind: Any = type(value)
        if _records(kind):
            found: Recorder = value
            return found
    return None


def serializer(config: RunnableConfig) -> SerializerProtocol | None:
    """Return what the run's checkpointer turns values into bytes with, or None where there is no checkpointer."""
    values = config.get("configurable", {}).values()
    return next((value.serde for value in values if isinstance(value, BaseCheckpointSaver)), None)


@cache
def _records(kind: Any) -> bool:
    """Whether a class is a Recorder: asked of each class once, since the check is dear and nodes are many."""
    return all(callable(getattr(kind, name, None)) for name in ("recall", "remember", "trace"))


def place(config: RunnableConfig) -> tuple[str, str]:
    """Return the run's thread id and the task's checkpoint namespace, which stays the same when the run is resumed."""
    values = config.get("configurable", {})
    return str(values.get("thread_id", "")), str(values.get("checkpoint_ns", ""))


def path(namespace: str) -> str:
    """Return a checkpoint namespace without the ids of its tasks.

    Nodes whose names begin with two underscores are wiring, and left out.

    >>> path("findings:0b1c|__shard__:77aa|finding:9f2e")
    'findings|finding'
    """
    names = (re.sub(r":[^|]*$", "", part) for part in namespace.split("|"))
    return "|".join(name for name in names if not name.startswith("__"))


def once(
    name: str, config: RunnableConfig, work: Callable[[], Generator[Effect, Any, Any]]
) -> Generator[Effect, Any, Any]:
    """Return what some work of a task gave when it was first done; a task that is resumed does it no second time.

    Without a journal it is done each time.
    """
    store, (thread_id, namespace) = journal(config), place(config)
    if store is None:
        return (yield from work())
    key = f"{namespace}/{name}"
    known = yield Block(lambda: store.recall(thread_id, key))
    if known is not None:
        return known[0]
    made = yield from work()
    yield Remember(store, thread_id, key, made)
    return made


@dataclass(slots=True)
class Remember:
    """An effect: a result is in the journal, for good."""

    journal: Journal
    thread_id: str
    key: str
    value: Any
    written: Callable[[], object] | None = None
    """Called when the result survives the process, before a disk has it for good."""

    def now(self) -> None:
        """Wait in this thread."""
        self.journal.remember(self.thread_id, self.key, self.value, self.written)

    async def soon(self) -> None:
        """Wait on the running loop."""
        await self.journal.aremember(self.thread_id, self.key, self.value, self.written)


@dataclass(frozen=True)
class Inquire:
    """An effect: a question is in the queue, for good, and nothing waits for its answer."""

    desk: Desk
    config: RunnableConfig
    question: Mapping[str, Any]
    schema: Mapping[str, Any]

    def now(self) -> str:
        """Wait in this thread."""
        return self.desk.inquire(self.config, self.question, self.schema)

    async def soon(self) -> str:
        """Wait on the running loop."""
        return await self.desk.ainquire(self.config, self.question, self.schema)
