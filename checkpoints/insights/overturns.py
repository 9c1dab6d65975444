"""How often people overturn what a model proposes, by how sure it was; and the threshold that follows."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from treadle.checkpoints.insights.verdicts import outcomes
from treadle.checkpoints.ledgers.intervals import Interval, wilson
from treadle.checkpoints.savers import SqliteSaver

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
"""Where one band of confidence ends and the next begins."""


@dataclass(frozen=True)
class Band:
    """The decisions on proposals of about the same confidence."""

    low: float
    high: float
    """Not included, but for the highest band."""
    total: int
    overturned: int
    rate: float | None
    interval: Interval
    """Of the rate, with 95 per cent confidence."""


@dataclass(frozen=True)
class Threshold:
    """A review ``when confidence is below`` this would have caught a share of the errors."""

    below: float
    caught: int
    errors: int
    share: float
    interval: Interval
    """Of the share that it catches, with 95 per cent confidence."""
    reviewed: float
    """Share of all that people would have had to look at."""


@dataclass(frozen=True)
class Overturns:
    """How often people overturned what was proposed."""

    total: int
    overturned: int
    rate: float | None
    interval: Interval
    bands: Sequence[Band]
    unknown: int
    """Decisions on proposals that came without a confidence; they are in no band."""
    threshold: Threshold | None
    """None where no error has a confidence."""


def overturns(
    saver: SqliteSaver,
    *,
    graph: str | None = None,
    gate: str | None = None,
    since: float = 0.0,
    catch: float = 0.9,
    edges: Sequence[float] = EDGES,
) -> Overturns:
    """How often people changed or refused what was proposed, and from which confidence on they rarely do.

    ``catch`` is the share of errors that the threshold is to catch. All of it is about what came to people: where only
    what is unsure comes, nothing is known of what is sure, unless a random sample comes as well.

    Raises ModelUnavailable where scipy is not installed.
    """
    if not 0 < catch <= 1:
        raise ValueError(f"catch is {catch}: it is a share of the errors, above 0 and at most 1.")
    counts: Counter[bool] = Counter()
    known: list[tuple[float, bool]] = []
    for outcome, confidence in outcomes(saver, graph=graph, gate=gate, since=since):
        if outcome != "other":
            overturned = outcome in ("changed", "refused")
            counts[overturned] += 1
            if confidence is not None:
                known.append((confidence, overturned))
    total = counts.total()
    return Overturns(
        total,
        counts[True],
        counts[True] / total if total else None,
        wilson(counts[True], total),
        _bands(known, edges),
        total - len(known),
        _threshold(known, catch),
    )


def _bands(known: Sequence[tuple[float, bool]], edges: Sequence[float]) -> list[Band]:
    totals: Counter[int] = Counter()
    errors: Counter[int] = Counter()
    for sure, overturned in known:
        place = min(max(bisect_right(edges, sure) - 1, 0), len(edges) - 2)
        totals[place] += 1
        errors[place] += overturned
    return [
        Band(low, high, totals[place], errors[place], errors[place] / totals[place] if totals[place] else None,
             wilson(errors[place], totals[place]))
        for place, (low, high) in enumerate(pairwise(edges))
    ]  # fmt: skip


def _threshold(known: Sequence[tuple[float, bool]], catch: float) -> Threshold | None:
    """The lowest confidence below which so large a share of the errors lies."""
    errors = sorted(sure for sure, overturned in known if overturned)
    if not errors:
        return None
    last = errors[max(0, _ceiling(catch * len(errors)) - 1)]
    below = min((sure for sure, _ in known if sure > last), default=None)
    below = (last + below) / 2 if below is not None else 1.0 + 1e-9
    caught = bisect_right(errors, last)
    reviewed = sum(sure <= last for sure, _ in known) / len(known)
    return Threshold(below, caught, len(errors), caught / len(errors), wilson(caught, len(errors)), reviewed)


def _ceiling(number: float) -> int:
    """The whole number not below, as one counts: 0.9 of 10 is 9."""
    return -int(-(round(number, 9)) // 1)
