"""What the writes of one transaction need not look up again: very many branches of one step end at once.

It is forgotten when a transaction begins; where writes belong also as soon as anything else has changed the database.
"""

import sqlite3
from dataclasses import dataclass, field

from treadle.checkpoints.desks import queues
from treadle.checkpoints.disks.connections import Connection
from treadle.checkpoints.layouts import spots
from treadle.checkpoints.layouts.memories import Memory
from treadle.checkpoints.layouts.spaces import Place, Space
from treadle.checkpoints.layouts.states import Stored


@dataclass(eq=False)
class Lookups:
    """Where writes belong, and where nothing waits."""

    changes: int
    """Rows that the connection had changed when this was last sure."""
    _places: dict[Place, tuple[int, Space]] = field(default_factory=dict)
    _calm: set[tuple[str, str]] = field(default_factory=set)
    _stored: list[Stored] = field(default_factory=list)
    _layer: Memory | None = None

    def over(self, memory: Memory) -> Memory:
        """What the process remembers, and what this transaction has stored, which is not committed yet."""
        if self._stored:
            self._layer = self._layer or Memory.over(memory)
            for stored in self._stored:
                stored.remember(self._layer)
            self._stored.clear()
        return self._layer or memory

    def note(self, place: Place, stored: Stored) -> None:
        """A checkpoint was stored."""
        self._stored.append(stored)
        self._places[place] = (stored.key, stored.spot.space)

    def enter(self, connection: sqlite3.Connection, place: Place) -> tuple[int, Space]:
        """The key of a checkpoint and its space; one that was not put yet gets a row without a body."""
        found = self._places.get(place)
        if found is None:
            spot = spots.enter(connection, place)
            if not spot.waits:
                self._calm.add((place.thread_id, place.ns))
            found = self._places[place] = (spots.reserve(connection, spot, place.id), spot.space)
        return found

    def calm(self, connection: sqlite3.Connection, place: Place) -> bool:
        """Whether no task of a namespace waits for an answer."""
        at = (place.thread_id, place.ns)
        if at not in self._calm and not queues.waiting(connection, place):
            self._calm.add(at)
        return at in self._calm


def lookups(connection: sqlite3.Connection) -> Lookups:
    """What this transaction has looked up, as far as it still holds."""
    known = getattr(connection, "known", None)
    if isinstance(known, Lookups) and known.changes == connection.total_changes:
        return known
    found = Lookups(connection.total_changes)
    if isinstance(known, Lookups):
        found._stored, found._layer = known._stored, known._layer
    return found


def keep(connection: sqlite3.Connection, known: Lookups) -> None:
    """Nothing but writes has changed the database since: what was looked up still holds."""
    known.changes = connection.total_changes
    if isinstance(connection, Connection):
        connection.known = known
