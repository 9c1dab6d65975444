"""The channel in which a fan-out's outcomes meet: one merge a superstep, each branch once."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Self

from langgraph.channels.base import BaseChannel

from treadle.nodes.outcomes import Outcome


class Fanin(BaseChannel[list[Outcome], list[Outcome], list[Outcome]]):
    """Gathers lists of outcomes; one that comes twice, after a crash, counts once. Its value is never changed in place.

    LangGraph's own reducers add one update at a time, which copies the list for every branch.
    """

    __slots__ = ("outcomes",)

    def __init__(self, typ: Any, outcomes: Sequence[Outcome] = ()) -> None:
        super().__init__(typ)
        self.outcomes = list(outcomes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fanin)

    __hash__ = None  # type: ignore[assignment]

    @property
    def ValueType(self) -> Any:  # noqa: N802
        """A list of outcomes."""
        return self.typ

    @property
    def UpdateType(self) -> Any:  # noqa: N802
        """A list of outcomes."""
        return self.typ

    def copy(self) -> Self:
        """Return a channel with the same value, which neither of them changes."""
        return self.from_checkpoint(self.outcomes)

    def from_checkpoint(self, checkpoint: Any) -> Self:
        """Return a channel with a stored value, or none."""
        made = type(self)(self.typ)
        made.key = self.key
        if isinstance(checkpoint, list):
            made.outcomes = checkpoint
        return made

    def get(self) -> list[Outcome]:
        """Return the outcomes, in the order they came."""
        return self.outcomes

    def is_available(self) -> bool:
        """It always has a value."""
        return True

    def update(self, values: Sequence[list[Outcome]]) -> bool:
        """Merge everything that came in a superstep."""
        if not values:
            return False
        found = {(one["index"], one["worker"]): one for one in chain(self.outcomes, *values)}
        self.outcomes = list(found.values())
        return True
