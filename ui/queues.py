"""The queue as one reviewer goes through it: filters, what comes next, what was put off."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import streamlit as st

from treadle.checkpoints.reviews import Review, count, pending
from treadle.checkpoints.savers import SqliteSaver

WINDOW: Final = 200
"""Reviews looked through for the one that comes next."""

_FILTER, _SKIPPED = "treadle.filter", "treadle.skipped"


@dataclass(frozen=True)
class Filter:
    """What a reviewer wants to see; None takes everything."""

    search: str | None = None
    graph: str | None = None
    assign: str | None = None

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return any(asdict(self).values())


def chosen() -> Filter:
    """The filter of this session."""
    found = st.session_state.get(_FILTER)
    return found if isinstance(found, Filter) else Filter()


def choose(wanted: Filter) -> None:
    """Keep a filter for this session: the next review follows it too."""
    st.session_state[_FILTER] = wanted


def waiting(saver: SqliteSaver, *, limit: int = WINDOW, offset: int = 0) -> list[Review]:
    """What waits and passes the filter, most urgent first."""
    return pending(saver, **asdict(chosen()), limit=limit, offset=offset)


def many(saver: SqliteSaver) -> int:
    """How many wait and pass the filter."""
    return count(saver, **asdict(chosen()))


def following(saver: SqliteSaver, current: str | None) -> Review | None:
    """The review after the current one, around the end of the queue, those put off last; None if no other waits."""
    queue = waiting(saver)
    ids = [one.id for one in queue]
    place = ids.index(current) if current in ids else -1
    others = [one for one in queue[place + 1 :] + queue[: max(place, 0)] if one.id != current]
    skipped = _skipped()
    return next((one for one in others if one.id not in skipped), others[0] if others else None)


def position(saver: SqliteSaver, current: str) -> int | None:
    """The place of a review in the queue, from 1; None if it is not among the first."""
    ids = [one.id for one in waiting(saver)]
    return ids.index(current) + 1 if current in ids else None


def skip(current: str) -> None:
    """Put a review off until the others are done."""
    _skipped()[current] = None


def _skipped() -> dict[str, Any]:
    found: dict[str, Any] = st.session_state.setdefault(_SKIPPED, {})
    return found
