"""What people decided on what was proposed, as few columns as it takes, streamed in the order of the record."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from treadle.checkpoints.desks.seals import listed
from treadle.checkpoints.exports.records import LEARNT, named
from treadle.checkpoints.savers import SqliteSaver

PAGE = 2000

Outcome = Literal["kept", "changed", "refused", "other"]


@dataclass(frozen=True)
class Verdict:
    """A decision of a person."""

    seq: int
    thread_id: str
    interrupt_id: str
    action: str
    outcome: Outcome
    confidence: float | None
    by: str
    at: float
    seconds: float | None
    reasons: Sequence[str]
    labels: Sequence[str]
    edits: Sequence[Mapping[str, Any]]

    @property
    def overturned(self) -> bool:
        """Whether the person put something else in place of what was proposed, or refused it."""
        return self.outcome in ("changed", "refused")


def verdicts(
    saver: SqliteSaver, *, graph: str | None = None, gate: str | None = None, since: float = 0.0
) -> Iterator[Verdict]:
    """The decisions of people since a time (seconds since 1970), oldest first; those of rules say nothing of people."""
    after = 0
    while page := saver.database.read(partial(_page, after=after, graph=graph, gate=gate, since=since)):
        after = page[-1].seq
        yield from page


def _page(
    connection: sqlite3.Connection, after: int, graph: str | None, gate: str | None, since: float
) -> list[Verdict]:
    rows = connection.execute(
        'SELECT seq, thread_id, interrupt_id, action, answer, confidence, "by", at, seconds, reasons, labels, edits'
        " FROM decisions WHERE seq > ? AND graph IS ifnull(?, graph) AND gate IS ifnull(?, gate) AND at >= ?"
        f" AND rule IS NULL AND \"by\" <> 'deadline'{LEARNT} ORDER BY seq LIMIT ?",
        (after, graph, gate, since, PAGE),
    )
    return [_verdict(row) for row in rows]


_STORED = ("seq", "thread_id", "interrupt_id", "confidence", "by", "at", "seconds")


def _verdict(row: Mapping[str, Any]) -> Verdict:
    action = row["action"] if row["action"] != "answer" else named(json.loads(row["answer"]))
    said: dict[str, Any] = {name: row[name] for name in _STORED}
    said |= {name: listed(row, name) for name in ("reasons", "labels", "edits")}
    return Verdict(**said, action=action, outcome=_outcome(action, changed=bool(said["edits"])))


def _outcome(action: str, *, changed: bool) -> Outcome:
    if action in ("reject", "ignore", "respond", "response"):
        return "refused"
    if action in ("approve", "accept", "edit"):
        return "changed" if changed else "kept"
    return "other"
