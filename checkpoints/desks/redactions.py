"""What of a record is left out: of what is exported, or of the store itself with the chain still whole."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from jsonpointer import JsonPointer, unescape

from treadle.checkpoints.desks.commitments import REMOVED, children, replaced
from treadle.checkpoints.desks.events import note
from treadle.checkpoints.desks.plains import words
from treadle.checkpoints.desks.seals import CONTENT, columns, content, opened
from treadle.checkpoints.savers import SqliteSaver

LEAST = 4
"""Characters from which on a text that is removed is looked for in the other texts of its record."""

TWINS = (("payload", "proposal"), ("answer", "value"))
"""What was proposed and what was put in its place: a field of the one is the same field of the other."""

PAGE = 200


@dataclass(frozen=True)
class Redaction:
    """What was removed from the store."""

    decisions: int
    """Decisions of which something was removed."""
    parts: int
    open: Sequence[int]
    """Decisions left alone, since their questions are still open or their runs have yet to go on."""
    bare: Sequence[int]
    """Decisions left alone, since an earlier treadle recorded them without a commitment."""


def places(record: Mapping[str, Any], fields: Collection[str]) -> set[str]:
    """Where in a record of a decision (its content, see ``seals.CONTENT``) is what the fields name, as JSON Pointers.

    A field is a JSON Pointer with ``*`` for any step (``/payload/context/*/email``), or a key wherever it stands
    (``email``, or ``patient.email`` inside of another). With it goes the same field of the edited value, of the edits,
    every other text that says what was said there, and the digests, from which it could be guessed.

    >>> sorted(places({"payload": {"email": "a@b.c", "why": "by a@b.c"}, "words": "ok"}, ["email"]))
    ['/payload/email', '/payload/why']
    """
    found = set(_named(record, fields))
    said = [text for at in found for text in _texts(JsonPointer(at).resolve(record))]
    found |= {at for at, text in _leaves(record) if isinstance(text, str) and any(one in text for one in said)}
    if found:
        digests = ("/digest", "/shown", "/answer/digest")
        found |= {at for at in digests if JsonPointer(at).resolve(record, None) is not None}
    return _outermost(found)


def redacted(record: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """A record without what the fields name; the record itself is left as it is."""
    said = {name: record[name] for name in CONTENT if name in record}
    return {**record, **replaced(said, places(said, fields))} if fields else dict(record)


def redact(saver: SqliteSaver, fields: Collection[str], *, by: str, why: str, thread: str | None = None) -> Redaction:
    """Remove what the fields name (see ``places``) from the record of decisions and from the queue, for good.

    The chain stays whole, and what is left can still be verified; that and what was removed, and by whom, is on record
    as an event. Only what is over is touched. States, journals and traces of runs are not: ``delete_thread``, or
    ``treadle db prune --whole``, removes those.
    """
    with_parts, parts, open_, bare = 0, 0, list[int](), list[int]()
    after = 0
    while page := saver.database.read(partial(_page, after=after, thread=thread)):
        after = page[-1]
        done = saver.database.write(partial(_redact, seqs=page, fields=fields, by=by, why=why))
        with_parts, parts = with_parts + done.decisions, parts + done.parts
        open_ += done.open
        bare += done.bare
    if with_parts:
        saver.database.write(_forget)
    return Redaction(with_parts, parts, open_, bare)


def _page(connection: sqlite3.Connection, after: int, thread: str | None) -> list[int]:
    query = "SELECT seq FROM decisions WHERE seq > ? AND thread_id = ifnull(?, thread_id) ORDER BY seq LIMIT ?"
    return [row[0] for row in connection.execute(query, (after, thread, PAGE))]


def _redact(
    connection: sqlite3.Connection, seqs: Sequence[int], fields: Collection[str], by: str, why: str
) -> Redaction:
    connection.execute("PRAGMA secure_delete = ON")
    done, parts, open_, bare = 0, 0, list[int](), list[int]()
    for seq in seqs:
        row: Any = connection.execute("SELECT * FROM decisions WHERE seq = ?", (seq,)).fetchone()
        said = content(row)
        gone = places(said, fields) - set(opened(row).removed)
        if not gone:
            continue
        if row["seal"] is None:
            bare.append(seq)
        elif _open(connection, row):
            open_.append(seq)
        else:
            done, parts = done + 1, parts + len(gone)
            _remove(connection, row, said, gone)
            told = {"decision": seq, "parts": sorted(gone), "why": why}
            note(connection, "redaction", by=by, thread_id=row["thread_id"], interrupt_id=row["interrupt_id"], **told)
    return Redaction(done, parts, open_, bare)


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


def _named(record: Mapping[str, Any], fields: Collection[str]) -> Iterator[str]:
    patterns = [_Pattern.of(one) for one in fields]
    for at, path in _paths(record):
        if any(one.fits(path) for one in patterns):
            yield at
    for place, edit in enumerate(record["edits"] if isinstance(record.get("edits"), list) else ()):
        path = tuple(JsonPointer(edit["path"]).parts)
        within = [(*twin, *path[:end]) for twin in TWINS for end in range(1, len(path) + 1)]
        if any(one.fits(part) for one in patterns for part in within):
            yield from (f"/edits/{place}/{name}" for name in ("value", "was") if name in edit)


@dataclass(frozen=True)
class _Pattern:
    """Which paths a field names."""

    steps: tuple[str, ...]
    whole: bool
    """Whether the steps are all of the path, not its last keys."""

    @staticmethod
    def of(field: str) -> "_Pattern":
        if field.startswith("/"):
            return _Pattern(tuple(JsonPointer(field).parts), whole=True)
        return _Pattern(tuple(field.split(".")), whole=False)

    def fits(self, path: tuple[str, ...]) -> bool:
        if self.whole:
            return any(_alike(self.steps, twin) for twin in _twins(path))
        keys = tuple(step for step in path if not step.isdecimal())
        return bool(path) and not path[-1].isdecimal() and keys[-len(self.steps) :] == self.steps


def _alike(steps: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(steps) == len(path) and all(step in ("*", part) for step, part in zip(steps, path, strict=True))


def _twins(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A path, and the same in what was proposed or put in its place."""
    yield path
    for one, other in (TWINS, TWINS[::-1]):
        if path[:2] == one:
            yield (*other, *path[2:])


def _paths(value: Any, at: str = "", path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every part of a value: its JSON Pointer, and the keys and positions of that."""
    for step, part in children(value):
        inner = (f"{at}/{step}", (*path, unescape(step)))
        yield inner
        yield from _paths(part, *inner)


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict | list):
        yield at, value
    for step, part in children(value):
        yield from _leaves(part, f"{at}/{step}")


def _texts(value: Any) -> Iterator[str]:
    """What is said in a part, as far as it can be told from other texts."""
    for _, leaf in _leaves(value):
        if isinstance(leaf, str) and len(leaf.strip()) >= LEAST and leaf != REMOVED:
            yield leaf.strip()


def _outermost(found: Collection[str]) -> set[str]:
    return {at for at in found if not any(at.startswith(f"{other}/") for other in found)}
