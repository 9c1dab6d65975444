"""Room in SQLite's log, made beforehand: a disk syncs what is written over sooner than what makes a file longer.

A file that grows has its new length recorded by the file system at every sync, which takes another write, or two. So
after some commits the log is made longer by zeros, which SQLite then writes over. To it zeros are the end of the log,
as is all that carries no right checksum.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from treadle.checkpoints.disks.connections import LOG

AFTER = 8
"""Commits before room is made: short runs, and those who only decide, need none."""

STEP = 512 * 1024
"""Bytes that the log is made longer by."""

MOST = LOG * 1100
"""Bytes of a log that gets no more: it is moved into the file about then, and begun anew from its start."""

SPARE = 1024**3
"""Bytes that must be free on the disk: where it is filling up, room is for what is stored."""


@dataclass(eq=False)
class Room:
    """Zeros at the end of a database's log."""

    path: Path
    """The database."""
    _commits: int = 0
    _size: int = 0
    """Bytes of the log when it was last seen to end in zeros."""

    def keep(self) -> None:
        """See to it that there is room. Called within a transaction that writes, so that nobody else does."""
        self._commits += 1
        if self._commits <= AFTER:
            return
        with suppress(OSError):  # the log is not there yet, or no more; the disk is full: it is as without room then
            size = os.stat(f"{self.path}-wal").st_size
            if size != self._size:
                self._size = self._longer(size)

    def _longer(self, size: int) -> int:
        """Bytes of the log after it was made longer, if need be: another process may have done that."""
        log = os.open(f"{self.path}-wal", os.O_RDWR)
        try:
            if 0 < size < MOST and any(os.pread(log, 4096, max(0, size - 4096))) and _free(log):
                return size + os.pwrite(log, bytes(STEP), size)
        finally:
            os.close(log)
        return size


def _free(log: int) -> bool:
    found = os.fstatvfs(log)
    return found.f_bavail * found.f_frsize > SPARE


PLACES = hasattr(os, "pwrite") and hasattr(os, "fstatvfs")
"""Whether the system lets one write at a place of a file; Windows does not."""
