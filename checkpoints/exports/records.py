"""Decisions as records, in their order, a page at a time."""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from treadle.checkpoints.desks.answers import UNSET
from treadle.checkpoints.desks.chains import last
from treadle.checkpoints.desks.commitments import REMOVED
from treadle.checkpoints.desks.panels import name
from treadle.checkpoints.desks.proposals import edited, proposed
from treadle.checkpoints.desks.redactions import redacted
from treadle.checkpoints.desks.seals import FIXED, content
from treadle.checkpoints.savers import SqliteSaver

PAGE = 500

Record = Mapping[str, Any]
"""The columns of a decision, and what was said and shown at it (``seals.CONTENT``), what is empty left out."""

_KEPT = tuple(name for name in FIXED if name not in ("seal", "previous"))

STANDING = (
    " AND action <> 'refused' AND NOT EXISTS (SELECT 1 FROM decisions later WHERE later.thread_id = decisions.thread_id"
    " AND later.interrupt_id = decisions.interrupt_id AND later.seq > decisions.seq AND later.action = 'refused')"
    " AND NOT EXISTS (SELECT 1 FROM events e WHERE e.thread_id = decisions.thread_id"
    " AND e.interrupt_id = decisions.interrupt_id AND e.kind = 'withdrawal'"
    " AND json_extract(e.content, '$.decision') = decisions.seq)"
)
"""What of the record still holds: the graph did not refuse it, and nobody took it back."""

LEARNT = f" AND kind IS NULL{STANDING}"
"""The decisions that hold; not the votes that made them."""

_OPEN = (
    "(SELECT veiled AND decisions.seq > since FROM reviews r WHERE r.thread_id = decisions.thread_id"
    " AND r.interrupt_id = decisions.interrupt_id)"
)

SEEN = f" AND (kind IS NULL OR NOT ifnull({_OPEN}, 0))"
"""All but the votes of a blind round that is still open, which are nobody's to see."""

PERSONAL = (
    f" AND rule IS NULL AND \"by\" <> 'deadline'{SEEN} AND (kind = 'vote' OR (kind IS NULL{STANDING} AND NOT EXISTS"
    " (SELECT 1 FROM decisions v WHERE v.thread_id = decisions.thread_id AND v.interrupt_id = decisions.interrupt_id"
    " AND v.kind = 'vote')))"
)
"""What each person said: votes, and the decisions that one person made alone."""


def records(
    saver: SqliteSaver,
    *,
    since: int = 0,
    graph: str | None = None,
    gate: str | None = None,
    redact: Collection[str] = (),
    which: str = LEARNT,
) -> Iterator[Record]:
    """The decisions after number ``since``, oldest first; never more than a page of them in memory.

    ``which`` of them is a condition above: by default those that hold. ``redact`` names what is left out of each
    (``redactions.places``).
    """
    for row in rows(saver, "*", since=since, graph=graph, gate=gate, which=which):
        yield redacted(_record(row), redact)


def rows(
    saver: SqliteSaver,
    columns: str,
    *,
    since: int = 0,
    graph: str | None = None,
    gate: str | None = None,
    which: str = LEARNT,
    page: int = PAGE,
) -> Iterator[Any]:
    """Some columns (``seq`` among them) of the decisions after number ``since``, oldest first, read by pages."""
    query = (
        f"SELECT {columns} FROM decisions WHERE seq > ? AND graph IS ifnull(?, graph) AND gate IS ifnull(?, gate)"
        f"{which} ORDER BY seq LIMIT ?"
    )

    def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
        return connection.execute(query, (after, graph, gate, page)).fetchall()

    after = since
    while found := saver.database.read(work):
        after = found[-1]["seq"]
        yield from found


def _record(row: Any) -> Record:
    return {key: row[key] for key in _KEPT if row[key] is not None} | content(row)


CLOCKS = 3600.0
"""Seconds by which the clocks of those who decide may be apart: within that, later in the record is not later."""


def before(connection: sqlite3.Connection, *, since: float) -> int:
    """The number of a decision before which all are older than a time; found by halves, as the record is in order."""
    low, high = 0, last(connection, "decisions")[0] + 1
    while high - low > 1:
        middle = (low + high) // 2
        row = connection.execute("SELECT seq, at FROM decisions WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (middle,))
        found = row.fetchone()
        if found is None or found["at"] < since - CLOCKS:
            low = middle
        else:
            high = middle
    return low


def votes(saver: SqliteSaver, record: Record, *, redact: Collection[str] = ()) -> list[Record]:
    """The votes that made a decision, the newest of each person; empty where no several people had to agree."""
    query = (
        "SELECT * FROM decisions WHERE thread_id = :thread AND interrupt_id = :id AND kind = 'vote' AND seq < :seq"
        " AND seq > ifnull((SELECT max(seq) FROM decisions WHERE thread_id = :thread AND interrupt_id = :id"
        " AND kind IS NULL AND seq < :seq), 0) ORDER BY seq"
    )
    values = {"thread": record["thread_id"], "id": record["interrupt_id"], "seq": record["seq"]}
    found = saver.database.read(lambda connection: [_record(row) for row in connection.execute(query, values)])
    # Those on the question as it was decided, and not as it had been asked before.
    cast = [row for row in found if row.get("digest") == record.get("digest")]
    newest = {name(row["by"]) if row.get("by") not in (None, REMOVED) else row["seq"]: row for row in cast}
    return [redacted(row, redact) for row in newest.values()]


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
