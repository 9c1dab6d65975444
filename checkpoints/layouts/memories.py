"""What a process remembers of a database between calls, so that it need not be read again."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from treadle.checkpoints.layouts.bodies import Body, Line
from treadle.checkpoints.layouts.tails import Tails

BODIES = 16 * 1024 * 1024
"""Bytes of checkpoints kept in memory, so that the next ones can be stored as what differs from them."""

MOST = 1000
"""Checkpoints of which anything is kept in memory."""


@dataclass(eq=False)
class Memory:
    """What a process remembers of a database between calls; only what was committed, by keys never used again."""

    tails: Tails = field(default_factory=Tails)
    below: "Memory | None" = None
    """What is asked for what this one does not know."""
    _lines: "OrderedDict[int, Line]" = field(default_factory=OrderedDict)
    _bodies: "OrderedDict[int, Body]" = field(default_factory=OrderedDict)
    _size: int = 0
    _sent: tuple[int, tuple[str, ...]] | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def over(cls, below: "Memory") -> "Memory":
        """A memory for what is not committed yet, over another one."""
        return cls(Tails(below.tails), below)

    def pause(self) -> bool:
        """Before a fork there is nothing to let go."""
        return False

    def go_on(self) -> None:
        """After a fork the parent remembers what it did."""

    def begin(self) -> None:
        """Forget everything, in a forked child: a thread of its parent's may just have been at it, lock in hand."""
        vars(self).update(vars(Memory()))

    def line(self, key: int) -> Line | None:
        """The pointers of a checkpoint, if they are remembered."""
        with self._mutex:
            found = self._lines.get(key)
        return found if found is not None or self.below is None else self.below.line(key)

    def body(self, key: int) -> Body | None:
        """The body of a checkpoint, if it is remembered."""
        with self._mutex:
            found = self._bodies.get(key)
        return found if found is not None or self.below is None else self.below.body(key)

    def sent(self, key: int) -> tuple[str, ...] | None:
        """The nodes of the branches that start from a checkpoint, if they are remembered."""
        return self._sent[1] if self._sent is not None and self._sent[0] == key else None

    def keep_sent(self, key: int, names: tuple[str, ...]) -> None:
        """Remember the nodes of the branches that start from a checkpoint."""
        self._sent = (key, names)

    def keep(self, key: int, line: Line, body: Body) -> None:
        """Remember a checkpoint that was stored."""
        with self._mutex:
            self._lines[key] = line
            if len(self._lines) > MOST:
                self._lines.popitem(last=False)
        self.note({key: body})

    def note(self, bodies: Mapping[int, Body]) -> None:
        """Remember bodies that are stored for certain: a newest state is read again, and the next rests on the same."""
        with self._mutex:
            for key, body in bodies.items():
                old = self._bodies.pop(key, None)
                self._bodies[key] = body
                self._size += len(body.raw) - (len(old.raw) if old else 0)
            while self._size > BODIES or len(self._bodies) > MOST:
                self._size -= len(self._bodies.popitem(last=False)[1].raw)
