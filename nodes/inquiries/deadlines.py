"""Until when a question should be decided, whom it passes to before that, and what holds when nobody decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from treadle.errors import GraphBuildError
from treadle.nodes.inquiries.durations import span

Span = str | float
"""A time span such as ``"2d"``, ``"4h"`` or ``"30m"``, or seconds."""


@dataclass(frozen=True)
class Deadline:
    """When a review is due and what follows; every span counts from the asking.

    >>> Deadline("2d", warn="1d", escalate={"36h": "lead"}, default="reject").payload()["default"]
    {'action': 'reject'}

    Raises:
        GraphBuildError: for a span that cannot be read, or a warning or an escalation that would come after the end.
    """

    due: Span
    warn: Span | None = None
    """When those who may decide are reminded."""
    escalate: Mapping[Span, str] = field(default_factory=dict)
    """Which role is told when: ``{"1d": "lead", "36h": "head of legal"}``."""
    default: str | Mapping[str, Any] | None = None
    """What holds at the due time if nobody decided: an action, or a whole answer. The reviewer sees it all along."""

    def __post_init__(self) -> None:
        due = self.seconds
        later = [("warn", self.warn), *(("escalate", after) for after in self.escalate)]
        for name, given in later:
            if given is not None and span(given, where=name) >= due:
                raise GraphBuildError(f"a deadline with {name}={given!r} and due={self.due!r}: {name} comes too late")
        if due <= 0:
            raise GraphBuildError(f"a deadline with due={self.due!r} is over before anybody is asked")

    @property
    def seconds(self) -> float:
        """From the asking to the due time."""
        return span(self.due, where="due")

    @property
    def answer(self) -> dict[str, Any] | None:
        """The default as an answer."""
        return {"action": self.default} if isinstance(self.default, str) else dict(self.default or {}) or None

    def payload(self) -> dict[str, Any]:
        """Return it as plain data, all spans in seconds from the asking."""
        steps = sorted((span(after, where="escalate"), role) for after, role in self.escalate.items())
        return {
            "due_in": self.seconds,
            "warn_in": span(self.warn, where="warn") if self.warn is not None else None,
            "escalate": [{"after": after, "to": role} for after, role in steps],
            "default": self.answer,
        }


NEVER: Mapping[str, Any] = {"due_in": None, "warn_in": None, "escalate": (), "default": None}
"""The payload of a question without a deadline."""


def deadline(given: Span | Deadline | None) -> Deadline | None:
    """Return a due time as a deadline."""
    return given if given is None or isinstance(given, Deadline) else Deadline(given)
