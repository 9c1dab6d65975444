"""What brings a value to a person, and the words that tell why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from treadle.nodes.questions import Trigger

When = Callable[[Any], bool | str | None]
"""Gets the value under review; returns whether, or in words why, a person must see it."""


@dataclass(frozen=True)
class Cause:
    """Why a person must see a value."""

    trigger: Trigger
    why: str


ALWAYS = Cause("always", "it is always reviewed")


def condition(when: When, value: Any) -> Cause | None:
    """Return why a predicate sends a value to a person, or None."""
    verdict = when(value)
    if isinstance(verdict, str):
        return Cause("condition", verdict) if verdict else None
    return Cause("condition", getattr(when, "__name__", "the condition").replace("_", " ")) if verdict else None
