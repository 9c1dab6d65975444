"""Joins: how a fan-out's outcomes become one value. A join is any callable from the list of outcomes to a value."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Annotated, Any

from typing_extensions import TypedDict

from treadle.errors import InputInvalid
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.outputs import VOTES, Measured
from treadle.nodes.templates import shown

Join = Callable[[list[Outcome]], Any]
"""Gets every outcome in item order, failed ones included, and returns the joined value."""


class Vote(TypedDict):
    """The result of a majority vote."""

    value: Any
    """What most branches said; on a tie, what was said first."""
    share: Annotated[float, Measured(VOTES)]
    """The share of all branches that said so, from 0 to 1; failed ones count as having said nothing."""


def as_list(outcomes: list[Outcome]) -> list[Any]:
    """Join into the list of values in item order; failed items are left out."""
    return values(outcomes)


def as_text(separator: str = "\n\n") -> Join:
    """Join into one text, in item order; failed items are left out.

    >>> from treadle.nodes.outcomes import success
    >>> as_text(" ")([success(0, "w", "a"), success(1, "w", "b")])
    'a b'
    """

    def join(outcomes: list[Outcome]) -> str:
        return separator.join(shown(value) for value in values(outcomes))

    return join


def vote(outcomes: list[Outcome]) -> Vote:
    """Join into the value that most branches gave, with its share of all branches.

    Raises:
        InputInvalid: when no branch succeeded.
    """
    said = values(outcomes)
    if not said:
        raise InputInvalid(f"a vote needs at least one answer; none of {len(outcomes)} branches gave one")
    winner, count = Counter(_hashable(value) for value in said).most_common(1)[0]
    value = next(value for value in said if _hashable(value) == winner)
    return Vote(value=value, share=count / len(outcomes))


def merge(outcomes: list[Outcome]) -> dict[str, Any]:
    """Join JSON objects into one: nested objects are merged, lists are joined, of other values the last one stands.

    Failed items are left out.

    Raises:
        InputInvalid: when a branch's value is not an object.
    """
    merged: dict[str, Any] = {}
    for outcome in outcomes:
        if outcome["status"] != "success":
            continue
        if not isinstance(outcome["value"], Mapping):
            raise InputInvalid(
                f"item {outcome['index']}: merge joins objects, and this one is {shown(outcome['value'])}"
            )
        merged = _merged(merged, outcome["value"])
    return merged


def _merged(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    return {**left, **{key: _joined(left.get(key), value) for key, value in right.items()}}


def _joined(left: Any, right: Any) -> Any:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _merged(left, right)
    if isinstance(left, list) and isinstance(right, list):
        return [*left, *right]
    return right


def _hashable(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), _hashable(part)) for key, part in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_hashable(part) for part in value)
    return (type(value).__name__, value) if isinstance(value, Hashable) else repr(value)
