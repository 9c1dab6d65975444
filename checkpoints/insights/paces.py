"""How fast people decide, how much they had to read for it, and who may not be looking."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from treadle.checkpoints.desks.plains import leaves
from treadle.checkpoints.desks.seals import asked
from treadle.checkpoints.exports.records import PERSONAL, before, named, rows
from treadle.checkpoints.insights.seeds import Seed, seeds
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
    actions: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
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
    known = seeds(saver)
    first = saver.database.read(partial(before, since=since))
    which = f' AND at >= {since!r} AND "by" IS NOT NULL{PERSONAL}'
    for row in rows(saver, _COLUMNS, since=first, graph=graph, gate=gate, which=which):
        _count(found[row["by"]], row, known, fastest)
    return sorted((_pace(by, tally) for by, tally in found.items()), key=lambda one: -one.decisions)


_COLUMNS = 'seq, thread_id, interrupt_id, action, answer, "by", seconds, payload'


def _count(tally: _Tally, row: Any, known: Mapping[tuple[str, str], Seed], fastest: float) -> None:
    seed = known.get((row["thread_id"], row["interrupt_id"]))
    answer = json.loads(row["answer"]) if seed is not None or row["action"] == "answer" else None
    action = row["action"] if row["action"] != "answer" else named(answer)
    tally.actions.append(action)
    if (seconds := row["seconds"]) is not None:
        words = sum(len(text.split()) for text in leaves(_shown(asked(row))))
        tally.seconds.append(seconds)
        tally.words.append(words)
        tally.hasty += action in ("approve", "accept") and words > fastest * seconds / 60
    if seed is not None:
        tally.seeded += 1
        tally.right += seed.right(action, answer)


_WIRING = frozenset(("kind", "gate", "actions", "action_request", "action_requests", "config", "review_configs"))


def _shown(payload: object) -> object:
    """What of a question is there to be read."""
    return {key: part for key, part in payload.items() if key not in _WIRING} if isinstance(payload, dict) else payload


def _pace(by: str, tally: _Tally) -> Pace:
    approved = sum(action in ("approve", "accept") for action in tally.actions) / len(tally.actions)
    return Pace(
        by,
        len(tally.actions),
        len(tally.seconds),
        statistics.median(tally.seconds) if tally.seconds else None,
        statistics.median(tally.words) if tally.words else None,
        tally.hasty,
        approved,
        tally.seeded,
        tally.right,
        interval := wilson(tally.right, tally.seeded),
        "; ".join(_warnings(tally, approved, interval)) or None,
    )


def _warnings(tally: _Tally, approved: float, interval: Interval) -> Iterator[str]:
    timed: Sequence[float] = tally.seconds
    if len(timed) >= ENOUGH and tally.hasty / len(timed) > 0.2:
        yield f"{tally.hasty} of {len(timed)} were approved faster than what was shown can be read"
    if tally.seeded and interval[1] < 0.8:
        yield f"only {tally.right} of {tally.seeded} questions of known answer were decided right"
    if len(tally.actions) >= 3 * ENOUGH and approved == 1.0:
        yield f"all {len(tally.actions)} were approved"
