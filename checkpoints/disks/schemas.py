"""What marks a treadle database, and how a file gets from one version of them to the next.

    treadle/checkpoints/layouts/tables.py  state: checkpoints, their values, what tasks wrote
    treadle/checkpoints/ledgers/tables.py  runs: the ledger, journal, traces, cache, versions
    treadle/checkpoints/desks/tables.py    reviews: the queue, decisions, claims, deadlines, notices

Times are seconds since the epoch. Migrations go forward only; each is one function, never changed once released. A new
file does not go through them: `newest.sql` makes at once what they would.
"""

import sqlite3
from pathlib import Path

from treadle.checkpoints.disks.connections import journal
from treadle.errors import StoreCorrupt, StoreError, StoreNewer, StoreOlder

APPLICATION = 0x5452444C
"""SQLite's application_id of our files: "TRDL"."""

PAGE = 1024
"""Bytes of a page: a step changes a few rows in each of some tables, and each page that it touches is written whole.

A table or index takes a page at least, and there are some sixty."""

VERSION = 15
"""SQLite's user_version of our files: the number of migrations."""

NEWEST = Path(__file__).with_name("newest.sql")
"""What makes all tables of a new file: what the migrations would, in one go."""


def check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of a file's tables (0: an empty file); a file that this treadle cannot use is refused in words."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if application == APPLICATION:
        if version > VERSION:
            raise StoreNewer(
                f"The database {path} was written by a later treadle (its tables are version {version}, this treadle "
                f"knows {VERSION}): upgrade treadle, or name another file."
            )
        return version
    if application or version or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        if connection.execute("SELECT 1 FROM pragma_table_info('checkpoints') WHERE name = 'checkpoint_ns'").fetchone():
            raise StoreCorrupt(
                f"The database {path} was written by langgraph-checkpoint-sqlite: name a new file, and take its runs"
                f" over with `treadle db import {path} --db FILE`."
            )
        raise StoreCorrupt(f"The database {path} belongs to another program: name another file.")
    if path.exists() and 0 < path.stat().st_size < 512:  # SQLite takes such a file for an empty one
        raise StoreCorrupt(f"The file {path} is no database: name another file.")
    return 0


def readable(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose tables are not those of this treadle: who only reads cannot make them so."""
    version = check(connection, path)
    if not version:
        raise StoreError(f"The database {path} is empty: nothing was ever stored in it. Name another file.")
    if version < VERSION:
        raise StoreOlder(
            f"The database {path} was written by an earlier treadle (its tables are version {version}, this treadle "
            f"reads {VERSION}): open it once where it can be written, without readonly=True, to bring it up to date."
        )


def ready(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether a file's tables are those of this treadle, and it has a log; a backup has none until it is opened."""
    return check(connection, path) == VERSION and connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file's tables to this treadle's version, and give it a log; many processes may do so at once."""
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        connection.execute(f"PRAGMA page_size={PAGE}")  # both have effect only before the first table
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    journal(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not check(connection, path):
            _found(connection)
        if check(connection, path) < VERSION:
            # Imported only here: sqlite-utils loads pandas where it finds it, which would double every start.
            from treadle.checkpoints.disks.migrations import migrate

            migrate(connection)
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def _found(connection: sqlite3.Connection) -> None:
    for statement in NEWEST.read_text("utf-8").split("\n\n"):
        connection.execute(statement)
