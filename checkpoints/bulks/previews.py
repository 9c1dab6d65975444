"""What a decision about many questions would cover: sums, what stands out, and what cannot be decided with the rest."""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.checkpoints.desks.commitments import children
from treadle.checkpoints.desks.edits import field
from treadle.checkpoints.desks.proposals import proposed
from treadle.checkpoints.reviews import Review, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.digests import digest
from treadle.errors import ReviewNotFound

FEW = 5
"""Values of a field below which nothing can be told to stand out."""

FAR = 3.5
"""Deviations from the median (modified z-score) from which a number stands out."""

RARE = 0.05
"""Share of all values up to which a word stands out among the few that the others have."""


@dataclass(frozen=True)
class Total:
    """The numbers that the proposals have in one field."""

    field: str
    count: int
    sum: float
    least: float
    median: float
    most: float


@dataclass(frozen=True)
class Outlier:
    """A question whose proposal is unlike the others in a field."""

    id: str
    thread_id: str
    title: str | None
    field: str
    value: Any
    why: str


@dataclass(frozen=True)
class Preview:
    """What a decision about many questions would cover."""

    graph: str | None
    gate: str | None
    reviews: Sequence[Review]
    """Those that can be decided at once: of one graph, gate and schema, and pending."""
    totals: Sequence[Total]
    outliers: Sequence[Outlier]
    exceptions: Mapping[str, str]
    """Why others cannot be decided with them, in words, by id as it was given."""


def preview(
    saver: SqliteSaver, ids: Iterable[str | Review], *, action: str | None = None, thread: str | None = None
) -> Preview:
    """What a decision about these reviews would cover; changes nothing.

    ``ids`` are ids, or reviews as they were listed. The shape is that of the first that is pending. With ``action`` it
    must be among the actions of each.
    """
    found, exceptions = _found(saver, ids, thread)
    first = next((one for one in found.values() if one.status == "pending"), None)
    for id_, one in found.items():
        if words := _exception(one, first, action):
            exceptions[id_] = words
    fit = [one for id_, one in found.items() if id_ not in exceptions]
    values = _values(fit)
    return Preview(
        first.graph if first else None,
        first.gate if first else None,
        fit,
        list(_totals(values)),
        list(_outliers(fit, values)),
        exceptions,
    )


def shape(one: Review) -> tuple[str | None, str, str]:
    """What questions must have in common to be decided at once: graph, gate (or node) and the answer's schema."""
    return one.graph, one.gate or one.node, digest(one.schema)


def _found(
    saver: SqliteSaver, ids: Iterable[str | Review], thread: str | None
) -> tuple[dict[str, Review], dict[str, str]]:
    found: dict[str, Review] = {}
    missing: dict[str, str] = {}
    known: set[tuple[str, str]] = set()
    for id_ in ids:
        name, run = (id_.id, id_.thread_id) if isinstance(id_, Review) else (id_, thread)
        try:
            one = review(saver, name, thread=run)
        except ReviewNotFound as error:
            missing[name] = str(error)
            continue
        if (one.thread_id, one.id) not in known:
            known.add((one.thread_id, one.id))
            found[name if name not in found else f"{one.thread_id} {name}"] = one
    return found, missing


def _exception(one: Review, first: Review | None, action: str | None) -> str | None:
    """Why a question cannot be decided with the first one; None if it can."""
    if one.status != "pending":
        made = one.decision
        return f"decided already: {made.action} by {made.by}" if made else "closed: the run went on without it"
    if first is not None and (other := _differs(one, first)):
        return other
    actions = one.value.get("actions") if isinstance(one.value, Mapping) else None
    if action is not None and (not isinstance(actions, list) or action not in actions):
        return f"{action!r} is not one of its actions"
    return None


def _differs(one: Review, first: Review) -> str | None:
    names = ("of the graph", "of the review", "with another form of answer than")
    for name, mine, other in zip(names, shape(one), shape(first), strict=True):
        if mine != other:
            return f"{name} the others" if name.startswith("with") else f"{name} {mine!r}, the others {name} {other!r}"
    return None


Values = Mapping[str, Sequence[tuple[int, Any]]]
"""By field, the place of each review and what its proposal has there."""


def _values(reviews: Sequence[Review]) -> Values:
    found: defaultdict[str, list[tuple[int, Any]]] = defaultdict(list)
    for place, one in enumerate(reviews):
        for name, value in _fields(proposed(one.value)):
            found[name].append((place, value))
    return found


def _fields(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers and short words in a proposal, by field."""
    for step, part in children(value):
        yield from _fields(part, f"{at}/{step}")
    if _number(value) or (isinstance(value, str) and len(value) <= 80):
        yield field(at), value


def _totals(values: Values) -> Iterator[Total]:
    for name, found in values.items():
        numbers = [value for _, value in found if _number(value)]
        if numbers:
            middle = statistics.median(numbers)
            yield Total(name, len(numbers), _sum(numbers), min(numbers), middle, max(numbers))


def _sum(numbers: Sequence[Any]) -> Any:
    """The sum, of which nobody sees how numbers are stored: 0.1 and 0.2 are 0.3."""
    return sum(numbers) if all(isinstance(one, int) for one in numbers) else math.fsum(numbers)


def _outliers(reviews: Sequence[Review], values: Values) -> Iterator[Outlier]:
    for name, found in values.items():
        if len(found) >= FEW:
            strange = _far([value for _, value in found]) or _rare([value for _, value in found])
            for place, value in found:
                if why := strange(value):
                    one = reviews[place]
                    yield Outlier(one.id, one.thread_id, one.title, name, value, why)


Strange = Callable[[Any], str | None]


def _far(values: Sequence[Any]) -> Strange | None:
    """Says of a number how far it is from the others; None where not all are numbers."""
    if not all(map(_number, values)):
        return None
    middle = statistics.median(values)
    spread = statistics.median(abs(value - middle) for value in values)
    spread = spread or statistics.fmean(abs(value - middle) for value in values) * 1.1829  # most are equal
    return lambda value: f"the median is {middle:g}" if spread and 0.6745 * abs(value - middle) > FAR * spread else None


def _rare(values: Sequence[Any]) -> Strange:
    """Says of a word that only few have it, where the others share a few words."""
    counts = Counter(map(str, values))
    common = {word: count for word, count in counts.items() if count > max(1, RARE * len(values))}
    covered = sum(common.values()) >= 0.8 * len(values)
    most = max(common, key=lambda word: common[word], default="")
    return lambda value: f"{common[most]} have {most!r}" if covered and str(value) not in common else None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
