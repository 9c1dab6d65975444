"""The steps from one version of the tables to the next: forward only, a function each, never changed once released."""

import sqlite3

import sqlite_utils
from sqlite_utils.migrations import Migrations

from treadle.checkpoints.schemas import INBOX, LEDGER, LESSONS, QUEUE, SEARCH, STATE, VERSIONS

migrations = Migrations("treadle")


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, within the caller's transaction."""
    migrations.apply(sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False))


@migrations()
def first_tables(db: sqlite_utils.Database) -> None:
    """All tables, and the search index of the queue; its triggers leave it alone when only a status changes."""
    for script in (STATE, QUEUE, LEDGER):
        db.executescript(script)
    db.table("reviews").enable_fts(["title", "why", "text"], tokenize="unicode61 remove_diacritics 2")
    db.executescript(SEARCH)


@migrations()
def versions_and_cache(db: sqlite_utils.Database) -> None:
    """The cache of steps, the versions of graphs, and the version that asked each question."""
    db.executescript(VERSIONS)


@migrations()
def lessons(db: sqlite_utils.Database) -> None:
    """What decisions teach: all that was said and shown at each, standing rules, and questions of known answer."""
    db.executescript(LESSONS)


@migrations()
def views_of_the_queue(db: sqlite_utils.Database) -> None:
    """Views that reviewers keep, other orders of the queue, and its counts."""
    db.executescript(INBOX)
