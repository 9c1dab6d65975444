"""The steps from one version of the tables to the next: forward only, a function each, never changed once released."""

import sqlite3

import sqlite_utils
from sqlite_utils.migrations import Migrations

from treadle.checkpoints.desks.tables import (
    AFTERWARDS,
    DESK,
    INBOX,
    LENGTHS,
    LESSONS,
    QUEUE,
    SEARCH,
    STORED,
    TOGETHER,
    WAITING,
)
from treadle.checkpoints.layouts.formats import body_of, write_of
from treadle.checkpoints.layouts.tables import COMPACT, MOMENTS, RECENT, STATE
from treadle.checkpoints.ledgers.tables import BEGINNINGS, LEDGER, NEWS, VERSIONS

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
def bodies_and_writes(db: sqlite_utils.Database) -> None:
    """Ids of values beside what points to them, rows that rest on others, and writes of many tasks in one row."""
    db.executescript(COMPACT)
    connection = db.conn
    for key, body in connection.execute("SELECT key, body FROM checkpoints WHERE body IS NOT NULL").fetchall():
        connection.execute("UPDATE checkpoints SET body = ?, refs = ? WHERE key = ?", (*body_of(body), key))
    for row in connection.execute("SELECT * FROM rows_of_writes ORDER BY checkpoint, task_id, idx").fetchall():
        columns = write_of(row)
        names = ", ".join(columns)
        connection.execute(
            f"INSERT INTO writes ({names}) VALUES ({', '.join('?' * len(columns))})", list(columns.values())
        )
    connection.execute("DROP TABLE rows_of_writes")


@migrations()
def desk(db: sqlite_utils.Database) -> None:
    """Claims, votes, deadlines, the time in which a decision can be taken back, and the notices of all that."""
    db.executescript(DESK)


@migrations()
def news_of_fan_outs(db: sqlite_utils.Database) -> None:
    """How far fan-outs are."""
    db.executescript(NEWS)


@migrations()
def views_of_the_queue(db: sqlite_utils.Database) -> None:
    """Views that reviewers keep, other orders of the queue, and its counts."""
    db.executescript(INBOX)


@migrations()
def afterwards(db: sqlite_utils.Database) -> None:
    """Questions about what already ran, which hold no run."""
    db.executescript(AFTERWARDS)


@migrations()
def stored_questions(db: sqlite_utils.Database) -> None:
    """Questions count when the steps that asked them are stored."""
    db.executescript(STORED)


@migrations()
def recent_checkpoints(db: sqlite_utils.Database) -> None:
    """The newest checkpoints of all threads are found without looking at the others."""
    db.executescript(RECENT)


@migrations()
def gathered_answers(db: sqlite_utils.Database) -> None:
    """Until when a run gathers answers before it goes on with them."""
    db.executescript(TOGETHER)


@migrations()
def lengths_of_questions(db: sqlite_utils.Database) -> None:
    """How much there was to read at each decision, so that no pace takes reading every question again."""
    db.executescript(LENGTHS)


@migrations()
def waiting_questions_of_a_run(db: sqlite_utils.Database) -> None:
    """What else a run waits for is found at once, however much of it is decided."""
    db.executescript(WAITING)


@migrations()
def moments_of_checkpoints(db: sqlite_utils.Database) -> None:
    """The newest checkpoints of all threads are found without looking at those of the same tenth of a second."""
    db.executescript(MOMENTS)


@migrations()
def beginnings_of_runs(db: sqlite_utils.Database) -> None:
    """What was there when a process went on with a run, to tell whether it stored anything before it ended."""
    db.executescript(BEGINNINGS)
