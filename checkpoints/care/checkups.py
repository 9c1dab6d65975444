"""A checkup: whether the file is sound, and everything in it fits together and can be read."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from treadle.checkpoints.care.decodings import undecodable
from treadle.checkpoints.desks.audits import problems
from treadle.checkpoints.layouts.threads import pointed, reached, rest_on
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import StoreCorrupt

Kind = Literal["file", "record", "pointer", "queue", "unreadable", "leftover"]


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be."""

    kind: Kind
    """``file`` (SQLite's own check), ``record`` (the chain of decisions), ``pointer`` (something stored is missing),
    ``queue`` (questions and state disagree), ``unreadable`` (a value cannot be decoded), ``leftover`` (takes room,
    does no harm: pruning removes it)."""
    words: str
    thread_id: str | None = None


def checkup(saver: SqliteSaver, *, values: bool = True, limit: int = 100) -> list[Problem]:
    """What is wrong with the database, at most ``limit`` problems; empty if nothing is. Changes nothing.

    With ``values`` every stored value is decoded as well, with the saver's serializer, which takes a time that grows
    with the size of the file. If the file itself is damaged, only that is told: nothing else can be relied on.
    """

    found: list[Problem] = []
    try:
        saver.database.read(lambda connection: found.extend(islice(_all(connection, saver, values=values), limit)))
    except StoreCorrupt as error:
        found = [problem for problem in found if problem.kind == "file"] or [Problem("file", str(error))]
    return found


def _all(connection: sqlite3.Connection, saver: SqliteSaver, *, values: bool) -> Iterator[Problem]:
    damaged = list(_file(connection))
    if damaged:
        yield from damaged
        return
    yield from (Problem("record", words) for words in problems(connection))
    for kind, query, say in _QUERIES:
        yield from (Problem(kind, say(row), row["thread_id"]) for row in connection.execute(query))
    if values:
        yield from (Problem("unreadable", words, thread) for thread, words in undecodable(connection, saver.serde))
    yield from (Problem(kind, words, thread) for kind, thread, words in _values(connection))


def _file(connection: sqlite3.Connection) -> Iterator[Problem]:
    try:
        rows = [row[0] for row in connection.execute("PRAGMA integrity_check(20)")]
    except sqlite3.DatabaseError as error:
        rows = [str(error)]
    yield from (Problem("file", f"SQLite says: {words}.") for words in rows if words != "ok")


def _values(connection: sqlite3.Connection) -> Iterator[tuple[Kind, str | None, str]]:
    """Pointers to values that are not there, and values that nothing points to, thread by thread."""
    for thread_id, home in connection.execute("SELECT thread_id, home FROM spaces WHERE key = home ORDER BY key"):
        rows = connection.execute("SELECT id, base, refs FROM blobs WHERE home = ?", (home,)).fetchall()
        try:
            rests = {row["id"]: rest_on(row) for row in rows}
            needed = reached(rests, pointed(connection, thread_id))
        except sqlite3.DatabaseError:
            continue  # told as unreadable
        for id_ in sorted(needed - rests.keys()):
            yield "pointer", thread_id, f"Run {thread_id} needs the value {id_}, which is missing."
        if left := len(rests.keys() - needed):
            yield "leftover", thread_id, f"Run {thread_id} has {left} stored values that nothing points to."


Say = Callable[[sqlite3.Row], str]

_QUERIES: tuple[tuple[Kind, str, Say], ...] = (
    (
        "pointer",
        "SELECT NULL AS thread_id, count(*) AS n FROM checkpoints WHERE space NOT IN (SELECT key FROM spaces)"
        " HAVING n > 0",
        lambda row: f"{row['n']} checkpoints belong to no thread.",
    ),
    (
        "pointer",
        "SELECT NULL AS thread_id, count(*) AS n FROM writes WHERE checkpoint NOT IN (SELECT key FROM checkpoints)"
        " HAVING n > 0",
        lambda row: f"{row['n']} writes belong to no checkpoint.",
    ),
    (
        "pointer",
        "SELECT NULL AS thread_id, count(*) AS n FROM checkpoints WHERE base IS NOT NULL"
        " AND base NOT IN (SELECT key FROM checkpoints WHERE body IS NOT NULL) HAVING n > 0",
        lambda row: f"{row['n']} checkpoints rest on others, which are missing.",
    ),
    (
        "leftover",
        "SELECT NULL AS thread_id, count(*) AS n FROM blobs WHERE home NOT IN (SELECT home FROM spaces) HAVING n > 0",
        lambda row: f"{row['n']} values belong to no thread.",
    ),
    (
        "queue",
        "SELECT w.* FROM waits w WHERE NOT EXISTS (SELECT 1 FROM reviews r WHERE r.thread_id = w.thread_id"
        " AND r.interrupt_id = w.interrupt_id)",
        lambda row: f"Run {row['thread_id']} waits for the answer to {row['interrupt_id']}, which is not in the queue.",
    ),
    (
        "queue",
        "SELECT r.* FROM reviews r WHERE r.status <> 'closed' AND r.holds AND NOT EXISTS (SELECT 1 FROM waits w"
        " WHERE w.thread_id = r.thread_id AND w.interrupt_id = r.interrupt_id)",
        lambda row: f"Review {row['interrupt_id']} of run {row['thread_id']} is open, but no task waits for it.",
    ),
    (
        "queue",
        "SELECT r.* FROM reviews r WHERE r.status <> 'closed' AND r.holds AND NOT EXISTS (SELECT 1 FROM spaces s"
        " JOIN checkpoints c ON c.space = s.key"
        " WHERE s.thread_id = r.thread_id AND s.ns = r.ns AND c.id = r.checkpoint_id AND c.body IS NOT NULL)",
        lambda row: (
            f"Review {row['interrupt_id']} of run {row['thread_id']} is open, but the checkpoint"
            f" {row['checkpoint_id']} at which it was asked is not stored."
        ),
    ),
    (
        # LangGraph stores a step's checkpoint beside its tasks, unless it is invoked with durability="sync".
        "leftover",
        "SELECT r.* FROM reviews r WHERE r.rests IS NOT NULL",
        lambda row: (
            f"Review {row['interrupt_id']} of run {row['thread_id']} was asked by a step that its process did not get"
            " to store, so that it is not in the queue: the run asks anew when it goes on."
        ),
    ),
)
