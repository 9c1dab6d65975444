"""How fast people decide, how much they had to read for it, and who may not be looking."""

import json
import sqlite3
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from treadle.checkpoints.desks.lengths import length
from treadle.checkpoints.desks.seals import asked
from treadle.checkpoints.exports.records import PERSONAL
from treadle.checkpoints.insights.seeds import sown
from treadle.checkpoints.insights.verdicts import DID, SOME, counted, wanted
from treadle.checkpoints.ledgers.intervals import Interval, wilson
from treadle.checkpoints.savers import SqliteSaver

FASTEST = 600.0
"""Words a minute above which nobody has read what was shown; 240 is usual, 400 is skimming."""

ENOUGH = 10
"""Decisions from which on a reviewer's pace is judged."""


@dataclass(frozen=True)
class Pace:
    """The pace of one reviewer."""

    by: str
    decisions: int
    timed: int
    """Decisions of which it is known how long the question was in view."""
    seconds: float | None
    """The median of that."""
    words: float | None
    """The median of the words that were shown."""
    hasty: int
    """Approvals that came faster than what was shown can be read."""
    approved: float
    """Share of decisions that approved what was proposed."""
    seeded: int
    right: int
    """Of the questions whose right answer is known, those decided so."""
    interval: Interval
    """Of the share that was right, with 95 per cent confidence."""
    warning: str | None
    """What speaks for approval without a look, in words."""


@dataclass
class _Tally:
    actions: Counter[str] = field(default_factory=Counter)
    seconds: Counter[float] = field(default_factory=Counter)
    words: Counter[int] = field(default_factory=Counter)
    hasty: int = 0
    seeded: int = 0
    right: int = 0


def paces(
    saver: SqliteSaver,
    *,
    graph: str | None = None,
    gate: str | None = None,
    since: float = 0.0,
    fastest: float = FASTEST,
) -> list[Pace]:
    """How fast each reviewer decides, who decided most first. Many at once are judged by their share of the time.

    Raises ModelUnavailable where scipy is not installed.
    """
    found: defaultdict[str, _Tally] = defaultdict(_Tally)

    def work(connection: sqlite3.Connection) -> None:
        connection.create_function("words_of", 1, lambda payload: length(asked({"payload": payload})))
        for row in counted(connection, *_COLUMNS, which=_NAMED, graph=graph, gate=gate, since=since):
            _count(found[row["by"]], row, fastest)
        known = sown(connection)
        for row in connection.execute(_SEEDED, wanted(connection, graph, gate, since)):
            found[row["by"]].seeded += 1
            seed = known[row["thread_id"], row["interrupt_id"]]
            found[row["by"]].right += seed.right(row["did"], json.loads(row["answer"]))

    saver.database.read(work)
    return sorted((_pace(by, tally) for by, tally in found.items()), key=lambda one: -one.decisions)


_NAMED = f' AND "by" IS NOT NULL{PERSONAL}'

_COLUMNS = (
    '"by"', f"{DID} AS did", "seconds",
    # Of what was decided before the length was kept, the question itself tells it.
    "CASE WHEN seconds IS NOT NULL THEN ifnull(length, words_of(payload)) END AS words",
)  # fmt: skip

_SEEDED = (
    f'SELECT thread_id, interrupt_id, {DID} AS did, answer, "by" FROM decisions WHERE {SOME}{_NAMED}'
    " AND (thread_id, interrupt_id) IN (SELECT thread_id, interrupt_id FROM seeds)"
)


def _count(tally: _Tally, row: Any, fastest: float) -> None:
    """Count the decisions of one reviewer that are alike in all that matters here."""
    action, seconds, words, many = (row[name] for name in ("did", "seconds", "words", "many"))
    tally.actions[action] += many
    if seconds is not None:
        tally.seconds[seconds] += many
        tally.words[words] += many
        tally.hasty += many * (action in _APPROVING and words > fastest * seconds / 60)


_APPROVING = ("approve", "accept")


def _pace(by: str, tally: _Tally) -> Pace:
    total, timed = tally.actions.total(), tally.seconds.total()
    approved = sum(tally.actions[action] for action in _APPROVING) / total
    return Pace(
        by,
        total,
        timed,
        statistics.median(tally.seconds.elements()) if timed else None,
        statistics.median(tally.words.elements()) if timed else None,
        tally.hasty,
        approved,
        tally.seeded,
        tally.right,
        interval := wilson(tally.right, tally.seeded),
        "; ".join(_warnings(tally, approved, interval)) or None,
    )


def _warnings(tally: _Tally, approved: float, interval: Interval) -> Iterator[str]:
    total, timed = tally.actions.total(), tally.seconds.total()
    if timed >= ENOUGH and tally.hasty / timed > 0.2:
        yield f"{tally.hasty:,} of {timed:,} were approved faster than what was shown can be read"
    if tally.seeded and interval[1] < 0.8:
        yield f"only {tally.right} of {tally.seeded} questions of known answer were decided right"
    if total >= 3 * ENOUGH and approved == 1.0:
        yield f"all {total:,} were approved"
