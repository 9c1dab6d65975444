"""The record of every decision: rows that are only ever appended, each sealed with the hash of the one before it."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any, Literal

from treadle.checkpoints.desks import events
from treadle.checkpoints.desks.chains import gaps, last
from treadle.checkpoints.desks.commitments import opening
from treadle.checkpoints.desks.edits import Edit
from treadle.checkpoints.desks.lengths import length
from treadle.checkpoints.desks.seals import (
    CONTENT,
    FIXED,
    LISTS,
    OPENING,
    broken,
    columns,
    content,
    listed,
    moved,
    removed,
    row_hash,
)
from treadle.checkpoints.disks.connections import named
from treadle.checkpoints.savers import SqliteSaver


@dataclass(frozen=True)
class Decision:
    """What somebody decided about a review; times are seconds since 1970, UTC."""

    seq: int
    """Place in the record, from 1."""
    thread_id: str
    interrupt_id: str
    graph: str | None
    gate: str | None
    action: str
    """An action of the question, ``answer`` for a free answer, ``refused`` where the graph refused an answer."""
    answer: Any
    """What the waiting node gets, as plain data."""
    reason: str | None
    """The first of the reasons."""
    reasons: Sequence[str]
    words: str | None
    labels: Sequence[str]
    edits: Sequence[Edit]
    """What an edit changed, as a JSON Patch that says what each field was."""
    confidence: float | None
    """How sure the model was of what it proposed, and by what that was measured."""
    confidence_source: str | None
    by: str
    roles: Sequence[str]
    """The roles in which the reviewer decided."""
    rule: str | None
    """The standing rule that decided, where no person did."""
    claims: Sequence[Any]
    """Who had the question in hand until then."""
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
    removed: Sequence[str]
    """JSON Pointers to what was removed from it later, in which place now stands ``[redacted]``."""
    previous: str
    """Hash of the row before, empty for the first."""
    hash: str
    kind: Literal["decision", "vote"] = "decision"
    """``vote`` where several must agree: the decision that votes make is a row of its own."""


_PARSED = (*LISTS, "answer", "removed", "kind")
_STORED = tuple(field.name for field in fields(Decision) if field.name not in _PARSED)


def append(connection: sqlite3.Connection, **given: Any) -> Decision:
    """Append a row to the record, within the caller's transaction, and return it as a Decision.

    ``given`` has what the columns hold, as plain data; of what is shown and said (``seals.CONTENT``) what there is.
    """
    said = {name: given[name] for name in CONTENT if given.get(name) not in (None, [], ())} | {
        "answer": given["answer"]
    }
    key, (seq, before) = opening(), last(connection, "decisions")
    row = dict.fromkeys((*CONTENT, *OPENING)) | {name: given.get(name) for name in ("applied_at", *FIXED)}
    row |= columns(said) | {"seq": seq + 1, "previous": before, "secret": key.secret}
    row["length"] = length(given.get("payload")) if row["seconds"] is not None else None
    row["seal"] = key.commitment(content(row))
    row["hash"] = row_hash(row)
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(f"INSERT INTO decisions ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    return decision(row)


def decision(row: Mapping[str, Any]) -> Decision:
    """A row of the table as a Decision."""
    values: dict[str, Any] = {name: row[name] for name in _STORED} | {name: listed(row, name) for name in LISTS}
    if row["reason"] is not None and not values["reasons"]:
        values["reasons"] = [row["reason"]]
    return Decision(**values, answer=json.loads(row["answer"]), removed=removed(row), kind=row["kind"] or "decision")


def veiled(vote: Decision) -> Decision:
    """A vote as others see it before all have voted: who and when, not what."""
    nothing: Any = dict.fromkeys(("answer", "reason", "words", "shown", "seconds"))
    return replace(vote, **nothing, action="vote", reasons=(), labels=(), edits=(), hash="")


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
        return [veiled(decision(row)) if row["veiled"] else decision(row) for row in named(found)]

    return saver.database.read(work)


def shown(saver: SqliteSaver, seq: int) -> Any:
    """The question as it stood when a decision was made about it; None for a decision that kept none."""

    def work(connection: sqlite3.Connection) -> Any:
        row = connection.execute("SELECT * FROM decisions WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else content(row).get("payload")

    return saver.database.read(work)


def verify(saver: SqliteSaver, *, since: int = 0, limit: int = 20) -> list[str]:
    """What is wrong with the record, in words and in its order, at most ``limit`` problems; empty if it is whole.

    A changed, removed, inserted or reordered row of the decisions or the events is named by its number. ``since`` is
    the number of a decision up to which the record was verified before: of those until then none is read again.
    """

    def work(connection: sqlite3.Connection) -> list[str]:
        return list(islice(problems(connection, since=since), limit))

    return saver.database.read(work)


def tip(saver: SqliteSaver) -> tuple[int, str]:
    """Number and hash of the last decision: noted elsewhere, they show that the record was not written anew."""
    return saver.database.read(lambda connection: last(connection, "decisions"))


def anchored(saver: SqliteSaver, seq: int, hash_: str) -> bool:
    """Whether a tip that was noted earlier is in the record still."""
    query = "SELECT 1 FROM decisions WHERE seq = ? AND hash = ?"
    return saver.database.read(lambda connection: connection.execute(query, (seq, hash_)).fetchone() is not None)


def problems(connection: sqlite3.Connection, *, since: int = 0) -> Iterator[str]:
    """What is wrong with the record after a decision, in words and in its order."""
    start = connection.execute("SELECT hash FROM decisions WHERE seq = ?", (since,)).fetchone()
    seq, before = since, start["hash"] if start else ""
    for row in connection.execute("SELECT * FROM decisions WHERE seq > ? ORDER BY seq", (since,)):
        yield from gaps("Decision", seq, row["seq"])
        if broken(row):
            yield _changed(row)
        elif row["previous"] != before and row["seq"] == seq + 1:
            yield f"Decision {row['seq']} ({_name(row)}) does not follow on from decision {seq}: one was replaced."
        yield from _unexplained(connection, row)
        seq, before = row["seq"], row["hash"]
    yield from gaps("Decision", seq, last(connection, "decisions")[0] + 1)
    yield from events.problems(connection)
    yield from _orphans(connection)


def _changed(row: Mapping[str, Any]) -> str:
    place = moved(row)
    if place in (None, row["seq"]):
        return f"Decision {row['seq']} ({_name(row)}) was changed after it was recorded."
    return (
        f"Decision {row['seq']} ({_name(row)}) was changed after it was recorded: it was decision {place}, and moved."
    )


def _unexplained(connection: sqlite3.Connection, row: Mapping[str, Any]) -> Iterator[str]:
    """Parts that were removed although no event says so."""
    if row["opening"] is None:
        return
    told = connection.execute(
        "SELECT content FROM events WHERE kind = 'redaction' AND thread_id = ? AND interrupt_id = ?",
        (row["thread_id"], row["interrupt_id"]),
    )
    said = [json.loads(one["content"]) for one in told]
    known = {part for one in said if one.get("decision") == row["seq"] for part in one.get("parts", ())}
    if unknown := [part for part in removed(row) if part not in known]:
        yield f"Of decision {row['seq']} ({_name(row)}) {unknown[0]} was removed, and no event says by whom."


def _orphans(connection: sqlite3.Connection) -> Iterator[str]:
    """Reviews that are decided although nobody decided them."""
    for row in connection.execute(
        "SELECT thread_id, interrupt_id FROM reviews WHERE status = 'decided' AND NOT EXISTS (SELECT 1 FROM decisions d"
        " WHERE d.thread_id = reviews.thread_id AND d.interrupt_id = reviews.interrupt_id AND d.kind IS NULL)"
    ):
        yield f"Review {row['interrupt_id']} of run {row['thread_id']} counts as decided, but no decision is recorded."


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['action']} by {row['by']} on review {row['interrupt_id'][:8]} of run {row['thread_id']}"
