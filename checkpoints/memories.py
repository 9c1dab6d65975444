"""What a process remembers of a database between calls, so that it need not be read again."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from treadle.checkpoints.tails import Tails
from treadle.checkpoints.values import Pointer

Versions = Mapping[str, str | int | float]


class Line(NamedTuple):
    """Where the values of one checkpoint are, and of what version each is."""

    versions: Versions
    pointers: Mapping[str, Pointer]


@dataclass(eq=False)
class Memory:
    """What a process remembers of a database between calls; only what was committed, by keys never used again."""

    tails: Tails = field(default_factory=Tails)
    _lines: "OrderedDict[int, Line]" = field(default_factory=OrderedDict)
    _sent: tuple[int, tuple[str, ...]] | None = None
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def line(self, key: int) -> Line | None:
        """The pointers of a checkpoint, if they are remembered."""
        with self._mutex:
            return self._lines.get(key)

    def sent(self, key: int) -> tuple[str, ...] | None:
        """The nodes of the branches that start from a checkpoint, if they are remembered."""
        return self._sent[1] if self._sent is not None and self._sent[0] == key else None

    def keep_sent(self, key: int, names: tuple[str, ...]) -> None:
        """Remember the nodes of the branches that start from a checkpoint."""
        self._sent = (key, names)

    def keep(self, key: int, line: Line) -> None:
        """Remember the pointers of a checkpoint."""
        with self._mutex:
            self._lines[key] = line
            if len(self._lines) > 1000:
                self._lines.popitem(last=False)
