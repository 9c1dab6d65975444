"""Decisions as records, in their order, a page at a time."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

from treadle.checkpoints.answers import UNSET
from treadle.checkpoints.proposals import edited, proposed
from treadle.checkpoints.redactions import redacted
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.seals import FIXED, content

PAGE = 500

Record = Mapping[str, Any]
"""The columns of a decision, and what was said and shown at it (``seals.CONTENT``), what is empty left out."""

_KEPT = tuple(name for name in FIXED if name not in ("seal", "previous"))

LEARNT = (
    " AND action <> 'refused' AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.thread_id = decisions.thread_id"
    " AND later.interrupt_id = decisions.interrupt_id AND later.seq > decisions.seq AND later.action = 'refused')"
)
"""What of the record says what people think of what was proposed: not what the graph refused."""


def records(
    saver: SqliteSaver,
    *,
    since: int = 0,
    graph: str | None = None,
    gate: str | None = None,
    redact: Collection[str] = (),
    whole: bool = False,
) -> Iterator[Record]:
    """The decisions after number ``since``, oldest first; never more than a page of them in memory.

    Those that the graph refused or that were taken back are left out unless ``whole``. ``redact`` names what is left
    out of each (``redactions.places``).
    """
    after = since
    while page := saver.database.read(partial(_page, after=after, graph=graph, gate=gate, whole=whole)):
        after = page[-1]["seq"]
        yield from (redacted(one, redact) for one in page)


def _page(
    connection: sqlite3.Connection, after: int, graph: str | None, gate: str | None, whole: bool
) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT * FROM decisions WHERE seq > ? AND graph IS ifnull(?, graph) AND gate IS ifnull(?, gate)"
        f"{'' if whole else LEARNT} ORDER BY seq LIMIT ?",
        (after, graph, gate, PAGE),
    )
    return [{name: row[name] for name in _KEPT if row[name] is not None} | content(row) for row in rows]


def outcome(record: Record) -> tuple[str, Any, Any]:
    """What became of what was proposed: ``kept``, ``changed``, ``refused`` or ``other``; before and after.

    What there is not is UNSET.
    """
    before, after = proposed(record.get("payload")), edited(record.get("answer"))
    if after is not UNSET:
        return "changed" if after != before else "kept", before, after
    action = record["action"] if record["action"] != "answer" else named(record.get("answer"))
    if before is not UNSET and action in ("approve", "accept"):
        return "kept", before, before
    return ("refused" if action in ("reject", "ignore") else "other"), before, UNSET


def named(answer: Any) -> str:
    """The action that a free answer names in another client's form; ``answer`` where it names none."""
    one = answer[0] if isinstance(answer, list) and answer else answer
    if isinstance(one, Mapping) and isinstance(one.get("decisions"), list) and one["decisions"]:
        one = one["decisions"][0]
    return str(one.get("type", "answer")) if isinstance(one, Mapping) else "answer"
