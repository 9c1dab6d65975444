"""What LangGraph hands to the saver: made ready outside the transaction, stored inside, with queue and ledger."""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol

from treadle.checkpoints.desks import queues
from treadle.checkpoints.desks.confirmations import missing
from treadle.checkpoints.disks.debts import Debt
from treadle.checkpoints.layouts import names, states
from treadle.checkpoints.layouts import writes as rows
from treadle.checkpoints.layouts.bodies import Versions
from treadle.checkpoints.layouts.lookups import Lookups, keep, lookups
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.sends import dump
from treadle.checkpoints.layouts.sources import Near, alike, whole
from treadle.checkpoints.layouts.spaces import Place, place
from treadle.checkpoints.layouts.states import Draft, Stored
from treadle.checkpoints.layouts.tails import Typed
from treadle.checkpoints.layouts.values import Storage
from treadle.checkpoints.ledgers import fences, owners

VERSION = "graph_version"
"""Where a graph's metadata has its fingerprint."""


@dataclass(frozen=True)
class Drafts:
    """Makes the work that a saver gives to its database."""

    serde: SerializerProtocol
    memory: Memory

    def checkpoint(
        self,
        config: Mapping[str, Any],
        checkpoint: Mapping[str, Any],
        metadata: Mapping[str, Any],
        new: Versions,
    ) -> "Drafted":
        """Work that stores a checkpoint, closes the questions that the run left behind, and counts the step."""
        return Drafted(self, config, self._draft(place(config), checkpoint, metadata, new), metadata)

    def _draft(self, parent: Place, checkpoint: Mapping[str, Any], metadata: Mapping[str, Any], new: Versions) -> Draft:
        values = checkpoint["channel_values"]
        head = {name: part for name, part in checkpoint.items() if name != "channel_values"}

        def spare(name: str) -> Typed | None:
            return self._dump(name, values[name]) if name in values else None

        step, source, run_id = metadata.get("step"), metadata.get("source"), metadata.get("run_id")
        return Draft(
            place=parent._replace(id=checkpoint["id"]),
            parent_id=parent.id or None,
            head=self.serde.dumps_typed((head, dict(metadata))),
            versions=checkpoint["channel_versions"],
            changed={name: spare(name) for name in new},
            spare=spare,
            run_id=run_id if isinstance(run_id, str) else None,
            source=source if isinstance(source, str) else None,
            step=step if isinstance(step, int) else None,
        )

    def _dump(self, name: str, value: Any) -> Typed:
        try:
            return dump(self.serde, value)
        except Exception as error:
            error.add_note(f"This is the value of {name!r}, which the checkpointer could not turn into bytes.")
            raise

    def writes(
        self, config: Mapping[str, Any], writes: Sequence[tuple[str, Any]], task_id: str, task_path: str
    ) -> "Written":
        """Work that stores what a task wrote, and what that means for the questions it waits for."""
        typed = [(channel, self._dump(channel, value)) for channel, value in writes]
        asked = [value for channel, value in writes if channel == "__interrupt__"]
        channels = frozenset(channel for channel, _ in writes)
        return Written(self, config, place(config), rows.Task(task_id, task_path, typed), channels, _flat(asked))


@dataclass(frozen=True, eq=False, slots=True)
class Drafted:
    """A checkpoint, ready to be stored."""

    drafts: Drafts
    config: Mapping[str, Any]
    draft: Draft
    metadata: Mapping[str, Any]

    @property
    def debt(self) -> Debt | None:
        """What it is while it lingers; None if it must not: only the steps of a run that goes on do."""
        if self.draft.source != "loop":
            return None
        size = sum(len(value[1]) for value in (self.draft.head, *self.draft.changed.values()) if value is not None)
        return Debt(self.draft.place.thread_id, f"step {self.draft.step}", size, barrier=True)

    @property
    def gives(self) -> Place:
        """Where it is: what tasks that started from it wrote is stored after it."""
        return self.draft.place

    def __call__(self, connection: sqlite3.Connection) -> Stored:
        """Store it, inside a transaction."""
        fences.admit(connection, self.config)
        known, draft, memory = lookups(connection), self.draft, self.drafts.memory
        stored = states.put(connection, draft, known.over(memory))
        if stored.spot.waits:
            queues.advance(connection, draft.place, changed=draft.source == "update")
        if stored.late:
            queues.confirm(connection, draft.place)
            if names.SENDS in stored.line.pointers:
                decode = self.drafts.serde.loads_typed
                names.complete(connection, stored.key, draft.place.thread_id, memory, decode)
        if not draft.place.ns:
            _count(connection, draft, self.metadata)
        known.note(draft.place, stored)
        keep(connection, known)
        return stored


@dataclass(frozen=True, eq=False, slots=True)
class Written:
    """What one task wrote, ready to be stored."""

    drafts: Drafts
    config: Mapping[str, Any]
    place: Place
    task: rows.Task
    channels: frozenset[str]
    asked: Sequence[Any]

    @property
    def debt(self) -> Debt | None:
        """What it is while it lingers; None if it must not: questions, answers and errors are stored at once."""
        if not self.task.ordinary:
            return None
        return Debt(self.place.thread_id, f"task {self.task.id}", sum(len(raw) for _, (_, raw) in self.task.writes))

    @property
    def follows(self) -> Place:
        """The checkpoint that the task started from."""
        return self.place

    @property
    def join(self) -> Callable[[sqlite3.Connection, Sequence["Written"]], None] | None:
        """What stores several at once, in one row: ordinary results that come in one transaction."""
        return together if self.task.ordinary else None

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Store it, inside a transaction."""
        together(connection, [self])

    def settle(self, connection: sqlite3.Connection, key: int, known: Lookups) -> None:
        """Say what it means for the questions that the task waits for."""
        at, task_id = self.place, self.task.id
        if self.asked:
            node = names.name(connection, key, self.task.path, self.drafts.memory, self.drafts.serde.loads_typed)
            answers, lacks = self._answers(connection, key), self._lacks(connection, known)
            queues.ask(connection, at, self.asked, task_id, node, answers, missing=lacks)
        elif not self.channels <= queues.CONTROL:
            if not known.calm(connection, at):
                queues.finish(connection, at, task_id)
        elif "__error__" in self.channels:
            queues.fail(connection, at, task_id, self._answers(connection, key))

    def _answers(self, connection: sqlite3.Connection, key: int) -> int:
        """How many answers of the task are stored."""
        stored = rows.written(connection, [key], channels=["__resume__"], task_id=self.task.id).get(key, ())
        taken = [self.drafts.serde.loads_typed(value) for *_, value in stored]
        return max((len(value) if isinstance(value, list | tuple) else 1 for value in taken), default=0)

    def _lacks(self, connection: sqlite3.Connection, known: Lookups) -> Mapping[str, str]:
        """The checkpoints that are still to be stored; each has a row by then, by which its ``put`` sees that it is."""
        found = missing(connection, self.config, self.place)
        for ns, id_ in found.items():
            known.enter(connection, Place(self.place.thread_id, ns, id_))
        return found

    def near(self, connection: sqlite3.Connection, key: int) -> Near:
        """Finds what a large value may have been made of: what the step started from, as far as it is remembered."""
        memory = self.drafts.memory

        def find(raw: bytes) -> Sequence[int]:
            line = memory.line(key)
            ids = [at for at in line.pointers.values() if isinstance(at, int)] if line is not None else []
            likely = [id_ for id_ in ids if (known := memory.tails.known(id_)) and _like(raw, known[1])]
            return whole(connection, likely) if likely else ()

        return find


def _like(raw: bytes, other: bytes) -> bool:
    """Whether one value may have been made of another, and it is not too long to find out."""
    return len(raw) <= len(other) <= 32 * len(raw) and alike(raw, other)


def together(connection: sqlite3.Connection, batch: Sequence[Written]) -> None:
    """Store what several tasks wrote: ordinary results of one step in one row."""
    known = lookups(connection)
    found: dict[tuple[int, int], list[Written]] = {}
    for one in batch:
        fences.admit(connection, one.config)
        key, space = known.enter(connection, one.place)
        found.setdefault((key, space.home), []).append(one)
    for (key, home), some in found.items():
        storage = Storage(connection, home, some[0].drafts.memory.tails)
        rows.put(key, storage, [one.task for one in some], some[0].near(connection, key))
        keep(connection, known)
        for one in some:
            one.settle(connection, key, known)


def _flat(asked: Sequence[Any]) -> list[Any]:
    """The interrupts in what a task wrote: one, or a sequence of them."""
    found: list[Any] = []
    for value in asked:
        found.extend(value if isinstance(value, list | tuple) else [value])
    return [one for one in found if isinstance(getattr(one, "id", None), str)]


def _count(connection: sqlite3.Connection, draft: Draft, metadata: Mapping[str, Any]) -> None:
    """Note in the ledger that the thread made a step; a thread that nobody started through the ledger gets a row.

    As long as it never had a lease, the row says which process works on it. Once a second is enough: the row is in
    four trees, and the newest checkpoint tells how many steps there were.
    """
    now = time.time()
    named = [value if isinstance(value := metadata.get(key), str) else None for key in ("graph", VERSION)]
    connection.execute(_COUNT, (draft.place.thread_id, *named, now, now, max(draft.step or 0, 0), owners.process()))


_COUNT = """
INSERT INTO runs (thread_id, graph, fingerprint, status, created_at, updated_at, steps, owner)
VALUES (?, ?, ?, 'direct', ?, ?, ?, ?)
ON CONFLICT (thread_id) DO UPDATE SET
    updated_at = excluded.updated_at, steps = max(steps, excluded.steps),
    graph = ifnull(graph, excluded.graph), fingerprint = ifnull(fingerprint, excluded.fingerprint),
    owner = iif(token = 0, excluded.owner, owner)
WHERE updated_at NOT BETWEEN excluded.updated_at - 1 AND excluded.updated_at
    OR ifnull(graph, excluded.graph) IS NOT graph OR ifnull(fingerprint, excluded.fingerprint) IS NOT fingerprint
    OR token = 0 AND owner IS NOT excluded.owner
"""
