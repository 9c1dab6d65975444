"""A copy of the database, made while others write to it, and checked before it is called a backup."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from treadle.checkpoints.disks.connections import connect, explain, explained
from treadle.checkpoints.disks.files import beside
from treadle.checkpoints.disks.schemas import check
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import StoreCorrupt, StoreError, TreadleError


@dataclass(frozen=True)
class Backup:
    """A finished copy."""

    path: Path
    bytes: int
    threads: int
    """Runs in it."""


def backup(saver: SqliteSaver, target: str | os.PathLike[str], *, replace: bool = False) -> Backup:
    """Copy the database as it is at one moment to a new file; nobody has to stop writing.

    The copy appears under its name only when SQLite's integrity check has passed and it is on the disk. ``replace``
    allows it to take the place of an earlier file. Raises StoreError if the target cannot be used, StoreCorrupt if what
    was copied is damaged: then an earlier backup is still what it was.
    """
    place = Path(target).expanduser().absolute()
    try:
        return _backup(saver, place, replace=replace)
    except OSError as error:
        if isinstance(error, TreadleError):
            raise
        raise StoreError(f"The backup cannot be written to {place}: {error.strerror}.") from error


def _backup(saver: SqliteSaver, place: Path, *, replace: bool) -> Backup:
    _usable(saver, place, replace=replace)
    made = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        with explained(made), closing(sqlite3.connect(made, isolation_level=None)) as copy:
            saver.database.read(partial(_copy, copy=copy, place=place))
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, no log beside it
        threads = verified(made)
        _settle(made, place)
    finally:
        for left in (made, *beside(made)):
            with suppress(OSError):  # there is none, or its name is too long
                left.unlink()
    return Backup(place, place.stat().st_size, threads)


def _copy(connection: sqlite3.Connection, *, copy: sqlite3.Connection, place: Path) -> None:
    try:
        connection.backup(copy)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:  # of all that can go wrong, this is not the database's
            raise explain(error, place) from error
        raise


def _usable(saver: SqliteSaver, place: Path, *, replace: bool) -> None:
    if place in beside(saver.path) or (place.exists() and (not place.is_file() or place.samefile(saver.path))):
        raise StoreError(f"The backup cannot be written to {place}: name another file.")
    if place.exists() and not replace:
        raise StoreError(f"There is a file {place} already: name another, or replace it (--replace).")
    if not place.parent.is_dir():
        raise StoreError(f"The folder {place.parent} does not exist: make it, or name another place for the backup.")


def verified(path: Path) -> int:
    """How many runs a database file holds; StoreCorrupt if SQLite finds it damaged or it is not treadle's."""
    with explained(path), closing(connect(path, readonly=True)) as copy:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            raise StoreCorrupt(f"The copy {path} is damaged ({'; '.join(found)}): check the database itself.")
        if check(copy, path) == 0:
            raise StoreCorrupt(f"The copy {path} has no tables: check the database itself.")
        return int(copy.execute("SELECT count(*) FROM runs").fetchone()[0])


def _settle(made: Path, place: Path) -> None:
    """The file and its name reach the disk before anybody is told of them.

    A log that an earlier file left under that name goes first: SQLite would take it for the log of the new one.
    """
    for path in (made, place.parent):
        if path is not made:
            for left in beside(place):
                left.unlink(missing_ok=True)
            os.replace(made, place)
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
