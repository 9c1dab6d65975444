"""How sure a model was of a value, where that is known from, and when it is too little."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from treadle.errors import GraphBuildError
from treadle.nodes.outputs import Output
from treadle.nodes.steps import State
from treadle.nodes.templates import reach


class Measure(NamedTuple):
    """A confidence from 0 to 1, and where it is known from; both None where there is none."""

    value: float | None = None
    source: str | None = None


@dataclass(frozen=True)
class Below:
    """A confidence below which a person must see the value.

    Raises:
        GraphBuildError: for a threshold that is not from 0 to 1.
    """

    threshold: float
    at: str | None = None
    """Where the state has it, such as ``category.share``; else the field that the output declares as `Confidence`."""
    source: str | None = None
    """Where it is known from, in words, such as ``share of votes``."""

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise GraphBuildError(f"a confidence below {self.threshold:g}: it is a number from 0 to 1")

    def doubt(self, measure: Measure) -> str | None:
        """Return in words why a person must see the value, or None. A confidence that is not known is none."""
        if measure.value is None:
            return "its confidence is not known"
        if measure.value >= self.threshold:
            return None
        return f"its confidence, {measure.value:g} ({measure.source}), is below {self.threshold:g}"


def told_under(key: str) -> str:
    """Return the state key that says where the confidence in a prompt's answer is known from."""
    return f"{key}_confidence_source"


def measured(state: State, key: str, kind: Any, below: Below | None) -> Measure:
    """Return how sure the model was of the state's `key`, whose type is `kind`."""
    place = (below.at if below else None) or _declared(state.get(key), key, kind)
    found = reach(state, place) if place else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return Measure()
    own = (state.get(told_under(key)) or _always(place, kind)) if place and place.startswith(f"{key}.") else None
    return Measure(round(float(found), 6), (below.source if below else None) or own or place)


def _declared(value: Any, key: str, kind: Any) -> str | None:
    """The place of the field that the type declares as its confidence, or that is called so."""
    names = [*confidences(kind), "confidence"]
    return next((f"{key}.{name}" for name in names if name in value), None) if isinstance(value, Mapping) else None


def _always(place: str, kind: Any) -> str | None:
    """Where a field is known from, where its type says so."""
    return Output(kind, "").sources.get(place.partition(".")[2])


def confidences(kind: Any) -> tuple[str, ...]:
    """Return the fields that a type declares as `Confidence`."""
    return Output(kind, "").confidences
