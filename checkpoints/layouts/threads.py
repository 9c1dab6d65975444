"""Whole threads: removed, copied, and pruned of what only their history needs."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from treadle.checkpoints.desks import queues
from treadle.checkpoints.layouts import spaces
from treadle.checkpoints.layouts.bodies import Bodies, release
from treadle.checkpoints.layouts.sources import fold, unfold
from treadle.checkpoints.layouts.spaces import Place
from treadle.checkpoints.layouts.tails import Typed

Strategy = Literal["keep_latest", "delete"]
Metadata = Callable[[Typed], Mapping[str, Any]]
"""Reads the metadata out of a checkpoint's head."""

_OF_SPACE = "SELECT key FROM spaces WHERE thread_id = ?"


def delete(connection: sqlite3.Connection, thread_id: str) -> None:
    """Remove everything of a thread but the decisions made on it: that record is append-only."""
    connection.execute(
        f"DELETE FROM writes WHERE checkpoint IN (SELECT key FROM checkpoints WHERE space IN ({_OF_SPACE}))",
        (thread_id,),
    )
    connection.execute(f"DELETE FROM checkpoints WHERE space IN ({_OF_SPACE})", (thread_id,))
    connection.execute("DELETE FROM blobs WHERE home IN (SELECT home FROM spaces WHERE thread_id = ?)", (thread_id,))
    for table in ("spaces", "reviews", "waits", "claims", "deadlines", "runs", "journal", "traces", "news"):
        connection.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread_id,))


def delete_for_runs(connection: sqlite3.Connection, run_ids: Sequence[str]) -> None:
    """Remove the checkpoints that some of LangGraph's runs made, and what nothing else needs of theirs."""
    for run_id in run_ids:
        rows = connection.execute(
            "SELECT c.key, s.thread_id FROM checkpoints c JOIN spaces s ON s.key = c.space WHERE c.run_id = ?",
            (run_id,),
        ).fetchall()
        remove(connection, [row["key"] for row in rows])
        for thread_id in sorted({row["thread_id"] for row in rows}):
            tidy(connection, thread_id)


def prune(connection: sqlite3.Connection, thread_ids: Sequence[str], strategy: Strategy, metadata: Metadata) -> None:
    """Remove the history of threads, but for what the newest checkpoint of each namespace is rebuilt from."""
    if strategy not in ("keep_latest", "delete"):
        raise ValueError(f"The strategy {strategy!r} is unknown: it must be 'keep_latest' or 'delete'.")
    for thread_id in thread_ids:
        if strategy == "delete":
            delete(connection, thread_id)
            continue
        for row in connection.execute(_OF_SPACE, (thread_id,)).fetchall():
            _shorten(connection, row["key"], metadata)
        tidy(connection, thread_id)


def _shorten(connection: sqlite3.Connection, space: int, metadata: Metadata) -> None:
    rows = connection.execute(
        "SELECT key, id, parent_id, body, base, ordinal, refs FROM checkpoints WHERE space = ? ORDER BY id DESC",
        (space,),
    ).fetchall()
    known = {row["id"]: row for row in rows if row["body"]}
    if not known:
        return
    newest = next(iter(known))
    kept = {row["key"] for row in needed(connection, known, newest, metadata)}
    # Writes of a checkpoint that is still to come belong to a step that is running.
    remove(connection, [row["key"] for row in rows if row["key"] not in kept and (row["body"] or row["id"] < newest)])


def needed(
    connection: sqlite3.Connection, known: Mapping[str, sqlite3.Row], newest: str, metadata: Metadata
) -> Iterable[sqlite3.Row]:
    """The newest checkpoint, and those before it from whose writes its delta channels are rebuilt."""
    row: sqlite3.Row | None = known[newest]
    bodies = Bodies(connection)
    head, line = bodies.read(known[newest]).open()
    missing = set(metadata(head).get("counters_since_delta_snapshot") or {}) - line.pointers.keys()
    yield known[newest]
    while missing and row is not None:
        row = known.get(row["parent_id"])
        if row is not None:
            yield row
            missing -= bodies.read(row).open()[1].pointers.keys()


def remove(connection: sqlite3.Connection, keys: Sequence[int]) -> None:
    """Remove checkpoints, their writes and the questions asked at them."""
    for (space,) in connection.execute(
        "SELECT DISTINCT space FROM checkpoints WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(list(keys)),),
    ).fetchall():
        release(connection, space, keys)
    for key in keys:
        row = connection.execute(
            "SELECT s.thread_id, s.ns, c.id FROM checkpoints c JOIN spaces s ON s.key = c.space WHERE c.key = ?",
            (key,),
        ).fetchone()
        _withdraw(connection, Place(*row))
        connection.execute("DELETE FROM writes WHERE checkpoint = ?", (key,))
        connection.execute("DELETE FROM checkpoints WHERE key = ?", (key,))


def _withdraw(connection: sqlite3.Connection, place: Place) -> None:
    waits = connection.execute(
        "SELECT interrupt_id FROM waits WHERE thread_id = ? AND ns = ? AND checkpoint_id = ?", place
    ).fetchall()
    queues.close(connection, place.thread_id, [row[0] for row in waits])


def tidy(connection: sqlite3.Connection, thread_id: str) -> None:
    """Remove the values that no checkpoint, no write and no later version of a thread needs."""
    rows = connection.execute(
        "SELECT id, base, refs FROM blobs WHERE home IN (SELECT home FROM spaces WHERE thread_id = ?)", (thread_id,)
    ).fetchall()
    rests = {row["id"]: rest_on(row) for row in rows}
    needed = reached(rests, pointed(connection, thread_id))
    connection.executemany("DELETE FROM blobs WHERE id = ?", [(id_,) for id_ in rests.keys() - needed])


def rest_on(row: sqlite3.Row) -> list[int]:
    """The values that a stored one rests on."""
    return [*unfold(row["refs"]), *([row["base"]] if row["base"] is not None else [])]


def reached(rests: Mapping[int, Sequence[int]], wanted: Iterable[int]) -> set[int]:
    """Some values and all that they rest on."""
    found, left = set[int](), list(wanted)
    while left:
        id_ = left.pop()
        if id_ not in found:
            found.add(id_)
            left.extend(rests.get(id_, ()))
    return found


def pointed(connection: sqlite3.Connection, thread_id: str) -> Iterable[int]:
    """The ids of the values that checkpoints and writes of a thread point to."""
    for (refs,) in connection.execute(
        f"SELECT refs FROM checkpoints WHERE refs IS NOT NULL AND space IN ({_OF_SPACE})"
        " UNION ALL SELECT refs FROM writes WHERE refs IS NOT NULL AND checkpoint IN"
        f" (SELECT key FROM checkpoints WHERE space IN ({_OF_SPACE}))",
        (thread_id, thread_id),
    ):
        yield from unfold(refs)


def copy(connection: sqlite3.Connection, source: str, target: str) -> None:
    """Copy a thread with its whole history, its open questions and its journal, to a thread that is new."""
    if connection.execute("SELECT 1 FROM spaces WHERE thread_id = ?", (target,)).fetchone():
        raise ValueError(f"The thread {target!r} exists already: delete it first, or copy {source!r} to a new one.")
    rows = connection.execute("SELECT key, ns FROM spaces WHERE thread_id = ? ORDER BY key", (source,)).fetchall()
    moved = {row["key"]: spaces.enter(connection, target, row["ns"]) for row in rows}
    if not moved:
        return
    blobs = _copy_blobs(connection, source, next(iter(moved.values())).home)
    for key, space in moved.items():
        _copy_checkpoints(connection, key, space.key, blobs)
    _copy_rest(connection, source, target)


def _copy_blobs(connection: sqlite3.Connection, source: str, home: int) -> dict[int, int]:
    """Copy the values, older ones first, so that each finds what it rests on; new ids by old."""
    moved: dict[int, int] = {}
    for row in connection.execute(
        "SELECT id, base, refs FROM blobs WHERE home IN (SELECT home FROM spaces WHERE thread_id = ?) ORDER BY id",
        (source,),
    ).fetchall():
        cursor = connection.execute(
            "INSERT INTO blobs (home, digest, type, base, ordinal, size, refs, codec, body)"
            " SELECT ?, digest, type, ?, ordinal, size, ?, codec, body FROM blobs WHERE id = ?",
            (home, moved.get(row["base"]), redirect(row["refs"], moved), row["id"]),
        )
        moved[row["id"]] = cursor.lastrowid or 0
    return moved


def _copy_checkpoints(connection: sqlite3.Connection, source: int, target: int, blobs: Mapping[int, int]) -> None:
    moved: dict[int, int] = {}
    for row in connection.execute("SELECT key, refs FROM checkpoints WHERE space = ?", (source,)).fetchall():
        cursor = connection.execute(
            "INSERT INTO checkpoints (space, id, parent_id, run_id, source, step, at, body, base, ordinal, refs)"
            " SELECT ?, id, parent_id, run_id, source, step, at, body, base, ordinal, ? FROM checkpoints WHERE key = ?",
            (target, redirect(row["refs"], blobs), row["key"]),
        )
        moved[row["key"]] = cursor.lastrowid or 0
    rebase(connection, moved)
    for old, key in moved.items():
        rows = connection.execute("SELECT key, refs FROM writes WHERE checkpoint = ? ORDER BY key", (old,)).fetchall()
        connection.executemany(
            "INSERT INTO writes (checkpoint, task_id, refs, codec, body)"
            " SELECT ?, task_id, ?, codec, body FROM writes WHERE key = ?",
            [(key, redirect(row["refs"], blobs), row["key"]) for row in rows],
        )


def rebase(connection: sqlite3.Connection, moved: Mapping[int, int]) -> None:
    """Let checkpoints that were copied rest on copies, given new keys by old."""
    connection.executemany(
        "UPDATE checkpoints SET base = ? WHERE key = ?",
        [
            (moved[row["base"]], row["key"])
            for key in moved.values()
            for row in connection.execute("SELECT key, base FROM checkpoints WHERE key = ?", (key,)).fetchall()
            if row["base"] is not None
        ],
    )


def redirect(refs: bytes | None, blobs: Mapping[int, int]) -> bytes | None:
    """Pointers to values that have other ids now."""
    return fold([blobs[id_] for id_ in unfold(refs)])


_COPIED = {
    "reviews": "ns path node checkpoint_id task_id graph fingerprint gate title why text value schema digest assign"
    " priority due answers problem asked_at veiled escalations",
    "deadlines": "interrupt_id step at enacted_at",
    "waits": "ns task_id interrupt_id checkpoint_id",
    "journal": "key type codec body at",
}


_OPEN = {
    "reviews": " AND status <> 'closed'",
    "waits": " AND interrupt_id IN (SELECT r.interrupt_id FROM reviews r WHERE r.thread_id = waits.thread_id"
    " AND r.status <> 'closed')",
}


def _copy_rest(connection: sqlite3.Connection, source: str, target: str) -> None:
    """The questions that are open are open in the copy too, and undecided there: a decision is about one run."""
    for table, names in _COPIED.items():
        columns = ", ".join(names.split())
        where = _OPEN.get(table, "")
        extra = ", interrupt_id" if table == "reviews" else ""
        connection.execute(
            f"INSERT INTO {table} (thread_id, {columns}{extra})"
            f" SELECT ?, {columns}{extra} FROM {table} WHERE thread_id = ?{where}",
            (target, source),
        )
    connection.execute(
        "INSERT OR REPLACE INTO runs (thread_id, graph, fingerprint, config, steps, created_at, updated_at,"
        " parent_thread) SELECT ?, graph, fingerprint, config, steps, ?, ?, thread_id"
        " FROM runs WHERE thread_id = ?",
        (target, time.time(), time.time(), source),
    )
