"""What seals a row of the record: a hash over all that must never change, with the hash of the row before.

What was said and shown at a decision is in the hash by a commitment (``seal``), so that parts of it can be removed and
the chain still be verified. Rows of before that (without ``seal``) have all of it in the hash itself. A column that is
empty is left out, so that later columns change no earlier hash.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from treadle.checkpoints.desks.commitments import Opening, reopened
from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.digests import digest

FIXED = (
    "seq", "thread_id", "interrupt_id", "action", "at", "client", "seconds", "confidence", "confidence_source", "rule",
    "graph", "gate", "seal", "previous", "kind",
)  # fmt: skip
"""Columns that are in the hash as they are, and stay for good."""

TEXTS = ("by", "reason", "words", "digest", "shown")
LISTS = ("reasons", "labels", "edits", "roles", "claims")
"""Columns that hold JSON lists."""

CONTENT = (*TEXTS, *LISTS, "answer", "payload")
"""Columns that the commitment stands for: parts of them can be removed."""

OPENING = ("secret", "opening")

_FIRST = (
    "seq", "thread_id", "interrupt_id", "action", "answer", "reason", "words", "by", "at", "digest", "shown", "client",
    "seconds", "previous",
)  # fmt: skip
"""What the hash of a row without a commitment covers."""


def row_hash(row: Mapping[str, Any]) -> str:
    """The hash of a row of ``decisions``."""
    if row["seal"] is None:
        return digest({name: row[name] for name in _FIRST})
    return digest({name: row[name] for name in FIXED if row[name] is not None})


def broken(row: Mapping[str, Any]) -> bool:
    """Whether a row is not what it was when it was recorded."""
    if row["hash"] != row_hash(row):
        return True
    try:
        return row["seal"] is not None and row["seal"] != opened(row).commitment(content(row))
    except (ValueError, TypeError, IndexError, sqlite3.DatabaseError):  # it cannot even be read
        return True


def opened(row: Mapping[str, Any]) -> Opening:
    """What it takes to check the commitment of a row."""
    return reopened(row["secret"], row["opening"])


def removed(row: Mapping[str, Any]) -> list[str]:
    """The JSON Pointers of what was removed from a row."""
    return sorted(json.loads(row["opening"])["removed"]) if row["opening"] else []


def content(row: Mapping[str, Any]) -> dict[str, Any]:
    """What was said and shown at a decision, as one object; what is empty is left out."""
    found = {name: row[name] for name in TEXTS} | {name: _read(row[name]) for name in (*LISTS, "answer")}
    if row["payload"] is not None:
        found["payload"] = asked(row)
    # An answer may be None, which is not the same as none.
    return {name: part for name, part in found.items() if part is not None or name == "answer"}


def asked(row: Mapping[str, Any]) -> Any:
    """The question as it stood at a decision; None where it was not kept."""
    return None if row["payload"] is None else json.loads(unpack(row["payload"][0], row["payload"][1:]))


def columns(found: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that hold such an object."""
    row = {name: found.get(name) for name in TEXTS}
    row |= {name: _written(found[name]) for name in (*LISTS, "answer") if name in found}
    if "payload" in found:
        codec, body = pack(_written(found["payload"]).encode())
        row["payload"] = bytes((codec,)) + body
    return row


def moved(row: Mapping[str, Any], within: int = 1000) -> int | None:
    """The place in the record at which a row was sealed, if it stands at another one not too far from that."""
    for seq in range(max(1, row["seq"] - within), row["seq"] + within):
        if row_hash({**dict(row), "seq": seq}) == row["hash"]:
            return seq
    return None


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def listed(row: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A column that holds a list; empty where nothing is in it."""
    found = _read(row[name])
    return found if isinstance(found, list) else []
