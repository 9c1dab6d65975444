"""How often people overturn what a model proposes, by how sure it was; and the threshold that follows."""

import sqlite3
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from treadle.checkpoints.insights.verdicts import DID, PEOPLE, counted, outcome
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
    known: Known = {}

    def work(connection: sqlite3.Connection) -> None:
        columns = f"{DID} AS did", "ifnull(json_array_length(edits), 0) > 0 AS changed", "confidence"
        for row in counted(connection, *columns, which=PEOPLE, graph=graph, gate=gate, since=since):
            became = outcome(row["did"], changed=row["changed"])
            if became != "other":
                overturned = became in ("changed", "refused")
                counts[overturned] += row["many"]
                if row["confidence"] is not None:
                    known.setdefault(row["confidence"], Counter())[overturned] += row["many"]

    saver.database.read(work)
    total = counts.total()
    return Overturns(
        total,
        counts[True],
        counts[True] / total if total else None,
        wilson(counts[True], total),
        _bands(known, edges),
        total - sum(found.total() for found in known.values()),
        _threshold(known, catch),
    )


Known = dict[float, Counter[bool]]
"""By confidence, how many were overturned and how many were not."""


def _bands(known: Known, edges: Sequence[float]) -> list[Band]:
    totals: Counter[int] = Counter()
    errors: Counter[int] = Counter()
    for sure, found in known.items():
        place = min(max(bisect_right(edges, sure) - 1, 0), len(edges) - 2)
        totals[place] += found.total()
        errors[place] += found[True]
    return [
        Band(low, high, totals[place], errors[place], errors[place] / totals[place] if totals[place] else None,
             wilson(errors[place], totals[place]))
        for place, (low, high) in enumerate(pairwise(edges))
    ]  # fmt: skip


def _threshold(known: Known, catch: float) -> Threshold | None:
    """The lowest confidence below which so large a share of the errors lies."""
    rising = sorted(known)
    caught = list(accumulate(known[sure][True] for sure in rising))
    if not caught or not caught[-1]:
        return None
    place = bisect_left(caught, max(1, _ceiling(catch * caught[-1])))
    last, above = rising[place], rising[place + 1 : place + 2]
    below = (last + above[0]) / 2 if above else 1.0 + 1e-9
    seen = [known[sure].total() for sure in rising]
    share, interval = caught[place] / caught[-1], wilson(caught[place], caught[-1])
    return Threshold(below, caught[place], caught[-1], share, interval, sum(seen[: place + 1]) / sum(seen))


def _ceiling(number: float) -> int:
    """The whole number not below, as one counts: 0.9 of 10 is 9."""
    return -int(-(round(number, 9)) // 1)
