"""What people decided on what was proposed, as few columns as it takes, streamed in the order of the record."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from treadle.checkpoints.desks.seals import listed
from treadle.checkpoints.exports.records import LEARNT, before, named, rows
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


def verdicts(
    saver: SqliteSaver,
    *,
    graph: str | None = None,
    gate: str | None = None,
    since: float = 0.0,
    having: Collection[str] = (),
) -> Iterator[Verdict]:
    """The decisions of people since a time (seconds since 1970), oldest first; those of rules say nothing of people.

    ``having`` names columns of which one at least is not empty.
    """
    some = f" AND ({' OR '.join(f'{name} IS NOT NULL' for name in having)})" if having else ""
    columns = 'seq, thread_id, interrupt_id, action, answer, confidence, "by", at, seconds, reasons, labels, edits'
    return map(_verdict, _rows(saver, columns, graph, gate, since, some))


def outcomes(
    saver: SqliteSaver, *, graph: str | None = None, gate: str | None = None, since: float = 0.0
) -> Iterator[tuple[Outcome, float | None]]:
    """Of the same decisions what became of what was proposed, and how sure the model was of it."""
    columns = "seq, action, CASE WHEN action = 'answer' THEN answer END AS answer, confidence, edits"
    for row in _rows(saver, columns, graph, gate, since):
        yield _outcome(_action(row), changed=bool(row["edits"] and listed(row, "edits"))), row["confidence"]


def _rows(
    saver: SqliteSaver, columns: str, graph: str | None, gate: str | None, since: float, some: str = ""
) -> Iterator[Any]:
    which = f" AND at >= {since!r} AND rule IS NULL AND \"by\" <> 'deadline'{some}{LEARNT}"
    first = saver.database.read(partial(before, since=since))
    return rows(saver, columns, since=first, graph=graph, gate=gate, which=which, page=PAGE)


_STORED = ("seq", "thread_id", "interrupt_id", "confidence", "by", "at", "seconds")


def _verdict(row: Any) -> Verdict:
    action = _action(row)
    said: dict[str, Any] = {name: row[name] for name in _STORED}
    said |= {name: listed(row, name) for name in ("reasons", "labels", "edits")}
    return Verdict(**said, action=action, outcome=_outcome(action, changed=bool(said["edits"])))


def _action(row: Any) -> str:
    return row["action"] if row["action"] != "answer" else named(json.loads(row["answer"]))


def _outcome(action: str, *, changed: bool) -> Outcome:
    if action in ("reject", "ignore", "respond", "response"):
        return "refused"
    if action in ("approve", "accept", "edit"):
        return "changed" if changed else "kept"
    return "other"
