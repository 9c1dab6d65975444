"""Giving room that the file no longer needs back to the disk."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from treadle.checkpoints.disks.connections import connect, explained, tune
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import StoreReadOnly


@dataclass(frozen=True)
class Compaction:
    """What it came to, in bytes of the file with its log."""

    before: int
    after: int


def compact(saver: SqliteSaver, *, rewrite: bool = True) -> Compaction:
    """Shrink the file, and return its size before and after.

    With ``rewrite`` the file is written anew (VACUUM): as small as can be, needs as much free disk again, in the
    system's folder for temporary files too, and writers wait meanwhile. Without, only free pages are given back, which
    is quick and can be done at any time.
    """
    if saver.database.readonly:
        raise StoreReadOnly(f"The database {saver.path} was opened for reading only: open it without readonly=True.")
    saver.database.flush()
    before = size(saver.path)
    with explained(saver.path), closing(connect(saver.path)) as connection:
        tune(connection, synchronous=saver.database.synchronous)
        connection.execute("PRAGMA temp_store=FILE")  # what is written anew may be larger than the memory
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("VACUUM" if rewrite else "PRAGMA incremental_vacuum").fetchall()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return Compaction(before, size(saver.path))


def size(path: Path) -> int:
    """Bytes of a database file and its log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
