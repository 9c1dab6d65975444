"""A table whose rows are only ever appended, each with the hash of the one before it."""

import sqlite3
from collections.abc import Iterator


def last(connection: sqlite3.Connection, table: str) -> tuple[int, str]:
    """The number that was given last, and the hash of the last row.

    A number is never given again, so that a removed last row leaves a gap that can be seen.
    """
    row = connection.execute(f"SELECT seq, hash FROM {table} ORDER BY seq DESC LIMIT 1").fetchone()
    ever = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return max(row["seq"] if row else 0, ever["seq"] if ever else 0), row["hash"] if row else ""


def gaps(what: str, before: int, found: int) -> Iterator[str]:
    """Which numbers are missing between two, in words.

    >>> list(gaps("Decision", 3, 4)), list(gaps("Decision", 3, 6))
    ([], ['Decisions 4 to 5 were removed.'])
    """
    if found == before + 2:
        yield f"{what} {before + 1} was removed."
    elif found > before + 2:
        yield f"{what}s {before + 1} to {found - 1} were removed."
