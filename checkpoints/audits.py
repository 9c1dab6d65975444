"""The record of every decision: rows that are only ever appended, each sealed with the hash of the one before it."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

from treadle.checkpoints.queues import newest
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest as seal

PAGE = 1000
"""Rows read at once when the whole record is gone through."""


@dataclass(frozen=True)
class Decision:
    """What somebody decided about a review; times are seconds since 1970, UTC."""

    seq: int
    """Place in the record, from 1."""
    thread_id: str
    interrupt_id: str
    action: str
    """An action of the question, ``answer`` for a free answer, ``refused`` where the graph refused an answer."""
    answer: Any
    """What the waiting node gets, as plain data."""
    reason: str | None
    words: str | None
    by: str
    at: float
    digest: str | None
    """Digest of the question as the queue held it."""
    shown: str | None
    """Digest of the question as the reviewer saw it, if the client sent one."""
    client: str
    seconds: float | None
    """How long the reviewer had it in view, if the client measured that."""
    applied_at: float | None
    """When the run took it over; None while the run has yet to go on. Not sealed."""
    previous: str
    """Hash of the row before, empty for the first."""
    hash: str
    kind: str = "decision"
    """``decision``; ``vote`` where several must agree; ``claim`` (taken over), ``escalation``, ``withdrawal``."""
    roles: Sequence[str] | None = None
    """The roles under which it was decided, if the client named any."""


_COLUMNS = tuple(field.name for field in fields(Decision))
_LOOSE = ("applied_at", "hash")
_LATER: Mapping[str, Any] = {"kind": "decision", "roles": None}
"""Columns that came later, with what they hold in the rows that were sealed without them."""


def row_hash(row: Mapping[str, Any]) -> str:
    """The hash over everything in a row (answer as stored text) that must never change, with the hash before it."""
    sealed = (name for name in _COLUMNS if name not in _LOOSE)
    return seal({name: row[name] for name in sealed if name not in _LATER or row[name] != _LATER[name]})


def append(connection: sqlite3.Connection, **content: Any) -> Decision:
    """Append a row to the record, within the caller's transaction, and return it as a Decision."""
    last = connection.execute("SELECT seq, hash FROM decisions ORDER BY seq DESC LIMIT 1").fetchone()
    row: dict[str, Any] = {**dict.fromkeys(_COLUMNS), **_LATER, **content}
    row["answer"] = json.dumps(content["answer"], sort_keys=True, separators=(",", ":"))
    row["roles"] = json.dumps(sorted(row["roles"])) if row["roles"] else None
    row["previous"] = last["hash"] if last else ""
    row["seq"] = _next(connection, last["seq"] if last else 0)
    row["hash"] = row_hash(row)
    places = ", ".join(f":{name}" for name in _COLUMNS)
    connection.execute(f"INSERT INTO decisions ({', '.join(_COLUMNS)}) VALUES ({places})", row)
    return decision(row)


def _next(connection: sqlite3.Connection, last: int) -> int:
    """One more than any row ever had, so that a removed last row leaves a gap that can be seen."""
    return max(last, newest(connection)) + 1


def decision(row: Mapping[str, Any]) -> Decision:
    """A row of the table as a Decision."""
    values = {name: row[name] for name in _COLUMNS}
    roles = json.loads(row["roles"]) if row["roles"] else None
    return Decision(**(values | {"answer": json.loads(row["answer"]), "roles": roles}))


def veiled(vote: Decision) -> Decision:
    """A vote as others see it before all have voted: who and when, not what."""
    return replace(vote, action="vote", answer=None, reason=None, words=None, shown=None, seconds=None, hash="")


_VEILED = (
    "CASE WHEN kind = 'vote' THEN (SELECT veiled AND decisions.seq > since FROM reviews r"
    " WHERE r.thread_id = decisions.thread_id AND r.interrupt_id = decisions.interrupt_id) END AS veiled"
)


def decisions(saver: SqliteSaver, *, thread: str | None = None, limit: int = 100, offset: int = 0) -> list[Decision]:
    """The record, newest first; of one run if ``thread`` is given. What a blind vote says shows when all have voted."""
    where, values = ("WHERE thread_id = ?", [thread]) if thread is not None else ("", [])

    def work(connection: sqlite3.Connection) -> list[Decision]:
        found = connection.execute(
            f"SELECT *, {_VEILED} FROM decisions {where} ORDER BY seq DESC LIMIT ? OFFSET ?", (*values, limit, offset)
        )
        return [veiled(decision(row)) if row["veiled"] else decision(row) for row in found]

    return saver.database.read(work)


def verify(saver: SqliteSaver, *, limit: int = 20) -> list[str]:
    """What is wrong with the record, in words and in its order, at most ``limit`` problems; empty if it is whole.

    A changed, removed, inserted or reordered row is named by its number.
    """

    def work(connection: sqlite3.Connection) -> list[str]:
        return list(islice(problems(connection), limit))

    return saver.database.read(work)


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the record, in words and in its order."""
    seq, before = 0, ""
    for row in connection.execute("SELECT * FROM decisions ORDER BY seq"):
        yield from _gap(seq, row["seq"])
        if row["hash"] != row_hash(row):
            yield f"Decision {row['seq']} ({_name(row)}) was changed after it was recorded."
        elif row["previous"] != before and row["seq"] == seq + 1:
            yield f"Decision {row['seq']} ({_name(row)}) does not follow on from decision {seq}: one was replaced."
        seq, before = row["seq"], row["hash"]
    yield from _gap(seq, newest(connection) + 1)
    yield from _orphans(connection)


def _gap(last: int, found: int) -> Iterator[str]:
    if found == last + 2:
        yield f"Decision {last + 1} was removed."
    elif found > last + 2:
        yield f"Decisions {last + 1} to {found - 1} were removed."


def _orphans(connection: sqlite3.Connection) -> Iterator[str]:
    """Reviews that are decided although nobody decided them."""
    for row in connection.execute(
        "SELECT thread_id, interrupt_id FROM reviews WHERE status = 'decided' AND NOT EXISTS (SELECT 1 FROM decisions d"
        " WHERE d.thread_id = reviews.thread_id AND d.interrupt_id = reviews.interrupt_id AND d.kind = 'decision')"
    ):
        yield f"Review {row['interrupt_id']} of run {row['thread_id']} counts as decided, but no decision is recorded."


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['action']} by {row['by']} on review {row['interrupt_id'][:8]} of run {row['thread_id']}"
