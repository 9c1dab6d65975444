"""Which file a path stands for: one that cannot be a database is refused, one that was replaced is noticed."""

import os
import re
from pathlib import Path

from treadle.errors import StoreError

Mark = tuple[int, int]
"""Device and number of a file."""


def mark(path: Path) -> Mark | None:
    """What tells a file from any other; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def same(path: Path, before: Mark | None) -> None:
    """Raise StoreError if the path stands for another file now than it did, or for none."""
    if before is not None and mark(path) != before:
        raise StoreError(
            f"The database {path} was removed or replaced while it was open: what is written to it now would be lost."
            " Put the file back, or close this one and open the new one."
        )


def beside(path: Path) -> list[Path]:
    """The files that SQLite keeps beside a database: its logs, and an index of one."""
    return [path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal")]


_URI = re.compile(r"file:|[a-z][a-z0-9+]*://", re.IGNORECASE)


def _name(path: str | os.PathLike[str]) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(
            f"A treadle database is opened by its path, such as 'treadle.db', not by a {type(path).__name__}."
        ) from None


def place(path: str | os.PathLike[str], *, readonly: bool) -> Path:
    """The path of a database file that can be used, or that can be made if it is to be written."""
    name = _name(path)
    if name in ("", ":memory:"):
        raise StoreError("A treadle database is a file: name one, or use LangGraph's InMemorySaver.")
    if _URI.match(name):
        raise StoreError(
            f"A treadle database is named by its path, and {name!r} is a URI: write such as 'treadle.db'"
            " (readonly=True only reads), or use LangGraph's InMemorySaver for one in memory."
        )
    found = Path(os.path.expanduser(name)).absolute()
    try:
        return _usable(found, readonly=readonly)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"The database {found} cannot be used: {error.strerror}.") from error


def _usable(found: Path, *, readonly: bool) -> Path:
    if found.is_dir():
        raise StoreError(f"The database {found} is a folder: name a file in it, such as {found / 'treadle.db'}.")
    if readonly and not found.exists():
        raise StoreError(f"The database {found} does not exist, so it cannot be opened for reading only.")
    if not found.parent.is_dir():
        raise StoreError(f"The folder {found.parent} does not exist: make it, or name another place for the database.")
    return found
