"""Where in a longer text the part lies that a reviewer should look at."""

from dataclasses import dataclass
from typing import Any

from treadle.nodes.steps import State
from treadle.nodes.templates import reach


@dataclass(frozen=True)
class Source:
    """A text of the state that the reviewer is shown, with a part of it highlighted."""

    key: str
    """The state key of the text."""
    part: str
    """Where the state has the part: a record with ``start`` and ``end`` (a `Clause`), or words that the text has."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The state keys that it needs."""
        return tuple(dict.fromkeys([self.key, self.part.split(".")[0]]))

    def found(self, state: State) -> dict[str, Any] | None:
        """Return ``{"key", "start", "end"}``, in characters, or None where the part cannot be found."""
        text, part = state.get(self.key), reach(state, self.part)
        if not isinstance(text, str):
            return None
        start, end = _span(text, part)
        return {"key": self.key, "start": start, "end": end} if 0 <= start < end <= len(text) else None


def _span(text: str, part: Any) -> tuple[int, int]:
    if isinstance(part, str) and part:
        start = text.find(part)
        return start, start + len(part)
    ends = [reach({"part": part}, f"part.{name}") for name in ("start", "end")]
    return (ends[0], ends[1]) if all(isinstance(one, int) for one in ends) else (-1, -1)
