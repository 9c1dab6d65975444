"""Whether people decide alike: over questions that several voted on, and those that got a second look."""

import json
import sqlite3
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

from treadle.checkpoints.exports.records import PERSONAL
from treadle.checkpoints.insights.verdicts import DID, SOME, speak, wanted
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ModelUnavailable

Ratings = Mapping[str, str]
"""What each person decided about one question."""

FEW = 5
"""Questions that two people must have in common for their kappa to be told."""


@dataclass(frozen=True)
class Pair:
    """Two people who decided about the same questions."""

    one: str
    other: str
    questions: int
    observed: float
    """Share of the questions on which they agree."""
    kappa: float | None
    """Cohen's: 1 perfect, 0 as by chance; None for too few questions, or where both always say the same."""


@dataclass(frozen=True)
class Agreement:
    """How far people agree."""

    questions: int
    """Those that at least two people decided about."""
    observed: float | None
    """Share of the pairs of answers that agree."""
    fleiss: float | None
    """Fleiss' kappa over the questions that ``raters`` people decided about."""
    raters: int
    """The most common number of people at a question."""
    pairs: Sequence[Pair]


def agreement(
    saver: SqliteSaver, *, graph: str | None = None, gate: str | None = None, since: float = 0.0
) -> Agreement:
    """How far people agree on what to do (the action; what an edit says is not compared).

    Raises ModelUnavailable where statsmodels is not installed.
    """
    rated = saver.database.read(partial(_rated, graph=graph, gate=gate, since=since))
    several = [one for one in rated if len(one) > 1]
    raters = Counter(map(len, several)).most_common(1)[0][0] if several else 0
    alike = [a == b for one in several for a, b in combinations(one.values(), 2)]
    return Agreement(
        len(several),
        sum(alike) / len(alike) if alike else None,
        _fleiss([one for one in several if len(one) == raters]),
        raters,
        _pairs(several),
    )


def _rated(connection: sqlite3.Connection, graph: str | None, gate: str | None, since: float) -> list[Ratings]:
    """By question, the newest answer of each person; a second look is at the same question."""
    origin = _origins(connection)
    found: defaultdict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    looks = json.dumps(sorted({*origin, *origin.values()}))
    speak(connection)
    for row in connection.execute(_QUERY, (looks, *wanted(connection, graph, gate, since))):
        key = row["thread_id"], row["interrupt_id"]
        found[origin.get(key, key)][row["by"]] = row["did"]
    return list(found.values())


_QUERY = (
    "WITH several (thread_id, interrupt_id) AS ("
    "SELECT thread_id, interrupt_id FROM decisions GROUP BY thread_id, interrupt_id HAVING count(*) > 1"
    " UNION SELECT value ->> 0, value ->> 1 FROM json_each(?))"
    f' SELECT thread_id, interrupt_id, {DID} AS did, "by" FROM decisions'
    f" WHERE (thread_id, interrupt_id) IN several AND {SOME}{PERSONAL} ORDER BY seq"
)
"""What was decided about questions that more than one row of the record is about: most have one, and tell nothing."""


def _origins(connection: sqlite3.Connection) -> dict[tuple[str, str], tuple[str, str]]:
    """The question that each second look is at, the first where there were several."""
    origin: dict[tuple[str, str], tuple[str, str]] = {}
    for row in connection.execute("SELECT * FROM events WHERE kind = 'second look' ORDER BY seq"):
        first = row["thread_id"], row["interrupt_id"]
        origin[json.loads(row["content"])["target"], row["interrupt_id"]] = origin.get(first, first)
    return origin


def _pairs(several: Sequence[Ratings]) -> list[Pair]:
    found: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for one in several:
        for a, b in combinations(sorted(one), 2):
            found[a, b].append((one[a], one[b]))
    pairs = [
        Pair(a, b, len(both), sum(x == y for x, y in both) / len(both), _cohen(both)) for (a, b), both in found.items()
    ]
    return sorted(pairs, key=lambda pair: -pair.questions)


def _cohen(both: Sequence[tuple[str, str]]) -> float | None:
    words = sorted({word for pair in both for word in pair})
    if len(both) < FEW or len(words) < 2:
        return None
    counts = Counter(both)
    table = [[counts[a, b] for b in words] for a in words]
    return float(_library().cohens_kappa(table, return_results=False))


def _fleiss(rated: Sequence[Ratings]) -> float | None:
    words = sorted({word for one in rated for word in one.values()})
    if len(rated) < FEW or len(words) < 2:
        return None
    table = [[list(one.values()).count(word) for word in words] for one in rated]
    return float(_library().fleiss_kappa(table))


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from statsmodels.stats import inter_rater
    except ImportError:
        raise ModelUnavailable("Agreement takes statsmodels: pip install 'treadle[insights]'") from None
    return inter_rater
