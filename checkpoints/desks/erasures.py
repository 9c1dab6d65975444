"""Removing fields from the store: from decisions, whose chain stays whole, from their questions and from traces."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from treadle.checkpoints.desks.commitments import REMOVED, replaced
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.operators import operate
from treadle.checkpoints.desks.plains import words
from treadle.checkpoints.desks.redactions import places, spoken, telling
from treadle.checkpoints.desks.seals import columns, content, opened
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.traces import entry, packed

PAGE = 200


@dataclass(frozen=True)
class Redaction:
    """What was removed from the store."""

    decisions: int
    """Decisions of which something was removed."""
    parts: int
    traces: int
    """Records of traces of which something was removed."""
    open: Sequence[int]
    """Decisions left alone, since their questions are still open or their runs have yet to go on."""
    bare: Sequence[int]
    """Decisions left alone, since an earlier treadle recorded them without a commitment."""


def redact(
    saver: SqliteSaver,
    fields: Collection[str],
    *,
    by: str,
    roles: Collection[str] = (),
    why: str,
    thread: str | None = None,
) -> Redaction:
    """Remove what the fields name (see ``places``) from decisions, queue and traces, for good.

    The chain stays whole, and what is left can still be verified; that and what was removed, and by whom, is on record
    as an event. Only what is over is touched. In the traces of the runs that had any (of ``thread``, also if its
    decisions have none) the same keys are removed, and every text that says what was said there. States and journals
    of runs are not touched: ``delete_thread``, or ``treadle db prune --whole``, removes those.

    Raises NotAllowed (it takes the role of operators, where one is named).
    """
    operate(by, roles)
    gone, after = _Gone(), 0
    while page := saver.database.read(partial(_page, after=after, thread=thread)):
        after = page[-1]
        saver.database.write(partial(_redact, gone=gone, seqs=page, fields=fields, by=by, why=why))
    if thread is not None and not gone.open:
        gone.words.setdefault(thread, set())
    traces = sum(
        saver.database.write(partial(_retrace, saver=saver, thread_id=id_, fields=fields, words=words, by=by, why=why))
        for id_, words in gone.words.items()
    )
    if gone.decisions:
        saver.database.write(_forget)
    return Redaction(gone.decisions, gone.parts, traces, gone.open, gone.bare)


@dataclass
class _Gone:
    """What has been removed so far."""

    words: dict[str, set[str]] = field(default_factory=dict)
    """What was said in the removed parts, by run."""
    decisions: int = 0
    parts: int = 0
    open: list[int] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)


def _retrace(
    connection: sqlite3.Connection,
    saver: SqliteSaver,
    thread_id: str,
    fields: Collection[str],
    words: Collection[str],
    by: str,
    why: str,
) -> int:
    """Remove the same from the trace of a run; how many of its records had any."""
    connection.execute("PRAGMA secure_delete = ON")
    changed = 0
    for row in connection.execute("SELECT * FROM traces WHERE thread_id = ?", (thread_id,)).fetchall():
        record = entry(row, saver.serde)
        if parts := telling(record, fields, words):
            codec, body = packed(replaced(record, parts), saver.serde.dumps_typed)
            connection.execute("UPDATE traces SET codec = ?, entry = ? WHERE seq = ?", (codec, body, row["seq"]))
            changed += 1
    if changed:
        note(connection, "redaction", by=by, thread_id=thread_id, traces=changed, why=why)
    return changed


def _page(connection: sqlite3.Connection, after: int, thread: str | None) -> list[int]:
    query = "SELECT seq FROM decisions WHERE seq > ? AND thread_id = ifnull(?, thread_id) ORDER BY seq LIMIT ?"
    return [row[0] for row in connection.execute(query, (after, thread, PAGE))]


def _redact(
    connection: sqlite3.Connection, gone: _Gone, seqs: Sequence[int], fields: Collection[str], by: str, why: str
) -> None:
    connection.execute("PRAGMA secure_delete = ON")
    for seq in seqs:
        row: Any = connection.execute("SELECT * FROM decisions WHERE seq = ?", (seq,)).fetchone()
        said = content(row)
        parts = places(said, fields) - set(opened(row).removed)
        if not parts:
            continue
        if row["seal"] is None:
            gone.bare.append(seq)
        elif _open(connection, row):
            gone.open.append(seq)
        else:
            gone.decisions, gone.parts = gone.decisions + 1, gone.parts + len(parts)
            gone.words.setdefault(row["thread_id"], set()).update(spoken(said, fields))
            _remove(connection, row, said, parts)
            told = {"decision": seq, "parts": sorted(parts), "why": why}
            note(connection, "redaction", by=by, thread_id=row["thread_id"], interrupt_id=row["interrupt_id"], **told)


def _open(connection: sqlite3.Connection, row: sqlite3.Row) -> bool:
    """Whether the question is still open, or its answer has yet to be taken over."""
    query = "SELECT 1 FROM reviews WHERE thread_id = ? AND interrupt_id = ? AND status <> 'closed'"
    return connection.execute(query, (row["thread_id"], row["interrupt_id"])).fetchone() is not None


def _remove(connection: sqlite3.Connection, row: Any, said: Mapping[str, Any], gone: Collection[str]) -> None:
    left = replaced(said, gone)
    kept = columns(left) | {"secret": None, "opening": opened(row).without(said, gone).text()}
    places_ = ", ".join(f'"{name}" = ?' for name in kept)
    connection.execute(f"UPDATE decisions SET {places_} WHERE seq = ?", (*kept.values(), row["seq"]))
    if "payload" in left:
        _queue(connection, row, left["payload"])


def _queue(connection: sqlite3.Connection, row: sqlite3.Row, question: Any) -> None:
    """The question in the queue, without what was removed of it; the search finds it by that no more."""
    asked = question if isinstance(question, dict) else {}
    texts = {name: asked[name] for name in ("title", "why") if isinstance(asked.get(name), str)}
    changed = {"value": json.dumps(question, ensure_ascii=False), "text": words(question), "digest": REMOVED, **texts}
    connection.execute(
        f"UPDATE reviews SET {', '.join(f'{name} = ?' for name in changed)} WHERE thread_id = ? AND interrupt_id = ?",
        (*changed.values(), row["thread_id"], row["interrupt_id"]),
    )
    for name, text in texts.items():  # of notices that are still on their way
        connection.execute(
            "UPDATE outbox SET body = json_set(body, ?, ?) WHERE thread_id = ? AND interrupt_id = ?",
            (f"$.{name}", text, row["thread_id"], row["interrupt_id"]),
        )


def _forget(connection: sqlite3.Connection) -> None:
    """The search index keeps what was removed until its parts are merged."""
    connection.execute("INSERT INTO reviews_fts (reviews_fts) VALUES ('optimize')")
