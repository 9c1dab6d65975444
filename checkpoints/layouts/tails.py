"""What a process remembers of large values: the newest of those that grow, and those that were read."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

Typed = tuple[str, bytes]

REMEMBERED = 48 * 1024 * 1024
"""Bytes of growing values kept in memory, so that the next version need not be read back to be compared."""

REREAD = 16 * 1024 * 1024
"""Bytes of values kept in memory once they were read as part of a newest state: it is read again and again."""


RADIX = 4


def rest(ordinal: int, radix: int = RADIX) -> int:
    """The version that the ``ordinal``-th rests on."""
    step = 1
    while ordinal % (step * radix) == 0:
        step *= radix
    return ordinal - step


class Link(NamedTuple):
    """One stored version of a growing value."""

    id: int
    ordinal: int
    length: int
    """Bytes of the whole value at this version, without its header."""


@dataclass(frozen=True)
class Tail:
    """The newest version of a growing value, with the versions it rests on, newest first."""

    type: str
    raw: bytes
    links: tuple[Link, ...]


@dataclass(eq=False)
class Tails:
    """The newest growing values of a database, as far as memory allows; only what was committed."""

    below: "Tails | None" = None
    """What is asked for what this one does not know."""
    _tails: "OrderedDict[int, Tail]" = field(default_factory=OrderedDict)
    _read: "OrderedDict[int, Typed]" = field(default_factory=OrderedDict)
    _read_size: int = 0
    _size: int = 0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def find(self, id_: int) -> Tail | None:
        """The value with that id, if it is remembered."""
        with self._mutex:
            found = self._tails.get(id_)
        return found if found is not None or self.below is None else self.below.find(id_)

    def known(self, id_: int) -> Typed | None:
        """The value with that id, if it is remembered, however it came to be."""
        with self._mutex:
            tail = self._tails.get(id_)
            found = (tail.type, tail.raw) if tail is not None else self._read.get(id_)
        return found if found is not None or self.below is None else self.below.known(id_)

    def note(self, id_: int, value: Typed) -> None:
        """Remember a value that was read: values never change, and ids are never used again."""
        with self._mutex:
            if id_ not in self._read and len(value[1]) <= REREAD // 4:
                self._read[id_] = value
                self._read_size += len(value[1])
            while self._read_size > REREAD:
                self._read_size -= len(self._read.popitem(last=False)[1][1])

    def keep(self, tail: Tail, *, instead: int | None = None) -> None:
        """Remember a value, instead of the version that it grew from."""
        with self._mutex:
            for id_ in (instead, tail.links[0].id):
                old = self._tails.pop(id_, None) if id_ is not None else None
                self._size -= len(old.raw) if old else 0
            self._tails[tail.links[0].id] = tail
            self._size += len(tail.raw)
            while self._size > REMEMBERED and self._tails:
                self._size -= len(self._tails.popitem(last=False)[1].raw)
