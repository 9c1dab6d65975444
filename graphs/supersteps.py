"""What one checkpoint says of its superstep: which nodes are due from it, and how far their tasks have come."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, TASKS
from langgraph.constants import START
from langgraph.types import Interrupt, Send

HIDDEN = "__"
"""How the names of LangGraph's own nodes and channels begin."""

TO, JOIN = "branch:to:", "join:"
"""How the channels of a StateGraph begin that call a node: one way to it, or several that it waits for."""


@dataclass(frozen=True)
class Superstep:
    """One checkpoint, without the state that it holds."""

    namespace: str
    id: str
    before: str | None
    """The checkpoint that it came from."""
    outer: Mapping[str, str]
    """The checkpoint of each outer namespace from which this one's graph was called."""
    looped: bool
    """Whether running nodes led to it, and not an input or an update by hand."""
    seen: Mapping[str, Mapping[str, Any]]
    """By node that ever ran: the channels that called it, with their versions."""
    sent: Counter[str]
    """The tasks due by ``Send``, by node."""
    called: frozenset[str]
    """The other nodes that are due."""
    tasks: Mapping[str, tuple[str, tuple[str, ...]]]
    """By task that left a trace: "done", "failed", "waiting" or "running", and the ids of what it asks."""

    @property
    def due(self) -> Counter[str]:
        """The tasks that run from here, by node."""
        return self.sent + Counter(self.called)


def superstep(saved: CheckpointTuple) -> Superstep:
    """What a checkpoint says, in terms of LangGraph's checkpoint format (version 4) and of StateGraph's channels."""
    place, checkpoint, metadata = saved.config["configurable"], saved.checkpoint, saved.metadata
    sends = checkpoint["channel_values"].get(TASKS) or ()
    return Superstep(
        namespace=place.get("checkpoint_ns", ""),
        id=checkpoint["id"],
        before=(saved.parent_config or {}).get("configurable", {}).get("checkpoint_id"),
        outer=metadata.get("parents") or {},
        looped=metadata.get("source") == "loop",
        seen=checkpoint["versions_seen"],
        sent=Counter(send.node for send in sends if isinstance(send, Send)),
        called=frozenset(
            _called(checkpoint["channel_values"], checkpoint["channel_versions"], checkpoint["versions_seen"])
        ),
        tasks=_tasks(saved),
    )


def ran(before: Superstep | None, after: Superstep) -> Counter[str]:
    """How often each node ran from one checkpoint to the next; with none before, every node ever seen, once."""
    names = [name for name in after.seen if not name.startswith(HIDDEN)]
    if before is None:
        return Counter(names)
    if not after.looped:
        return Counter()
    return before.sent + Counter(name for name in names if after.seen[name] != (before.seen.get(name) or {}))


def asked(namespace: str, node: str, task: str, *, most: int = 64) -> Iterator[str]:
    """The ids that the first questions of a task would have, were it a task of that node."""
    place = f"{namespace}|{node}:{task}" if namespace else f"{node}:{task}"
    yield Interrupt.from_ns(None, place).id
    yield from (Interrupt.from_ns(None, f"{place}|{answered}").id for answered in range(1, most))


def _called(values: Mapping[str, Any], versions: Mapping[str, Any], seen: Mapping[str, Any]) -> Iterator[str]:
    for channel in values:
        name = channel.rpartition(":")[2]
        fresh = (seen.get(name) or {}).get(channel) != versions.get(channel)
        if channel == START and not any((by or {}).get(START) == versions.get(START) for by in seen.values()):
            yield START
        elif channel.startswith(TO):
            yield from [name] if fresh and not _deferred(values[channel]) else []
        elif channel.startswith(JOIN):
            yield from [name] if _complete(channel, values[channel]) else []


def _deferred(value: Any) -> bool:
    """Whether a deferred node still waits for the rest of the graph: its channel holds (value, finished)."""
    return isinstance(value, list | tuple) and len(value) == 2 and value[1] is False


def _complete(channel: str, value: Any) -> bool:
    """Whether all have arrived that the channel, named ``join:a+b:node``, waits for."""
    if isinstance(value, list | tuple) and len(value) == 2 and isinstance(value[1], bool):
        value = value[0] if value[1] else ()
    awaited = channel[len(JOIN) :].rpartition(":")[0]
    return bool(value) and len("+".join(value)) == len(awaited)


def _tasks(saved: CheckpointTuple) -> dict[str, tuple[str, tuple[str, ...]]]:
    """A task that wrote any output is done; one that failed may have left some as well."""
    said: dict[str, set[str]] = {}
    asks: dict[str, list[str]] = {}
    for task, channel, value in saved.pending_writes or ():
        if set(task) <= {"0", "-"}:
            continue  # written from outside, by an answer or an input
        word = {ERROR: "failed", INTERRUPT: "waiting", RESUME: "running"}.get(channel, "done")
        said.setdefault(task, set()).add(word)
        if channel == INTERRUPT:
            asks.setdefault(task, []).extend(one.id for one in value if isinstance(one, Interrupt))
    order = ("failed", "done", "waiting", "running")
    return {
        task: (next(word for word in order if word in words), tuple(asks.get(task, ()))) for task, words in said.items()
    }
