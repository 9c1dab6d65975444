"""The queue as one reviewer goes through it: filters, order, what comes next, what was put off."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

import streamlit as st

from treadle.checkpoints.desks.claims import live
from treadle.checkpoints.desks.filters import Order
from treadle.checkpoints.desks.panels import same
from treadle.checkpoints.reviews import Key, Review, count, keys, pending, reviews
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.people import Person, person
from treadle.ui.polls import polled

WINDOW: Final = 200
"""Reviews looked through for the one that comes next."""

_FEW: Final = 10

Scope = Literal["all", "mine", "overdue"]
"""Everything, what is assigned to the reviewer or one of their roles, or what should have been decided by now."""

_FILTER, _SKIPPED = "treadle.filter", "treadle.skipped"


@dataclass(frozen=True)
class Filter:
    """What a reviewer wants to see, and in which order; None takes everything."""

    search: str | None = None
    graph: str | None = None
    assign: str | None = None
    scope: Scope = "all"
    order: Order = "urgency"

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.search or self.graph or self.assign or self.scope != "all")

    def clauses(self) -> dict[str, Any]:
        """The filter as arguments of the store's list and count."""
        return {
            "search": self.search,
            "graph": self.graph,
            "assign": _mine() if self.assign is None and self.scope == "mine" else self.assign,
            "due_before": time.time() if self.scope == "overdue" else None,
        }


def _mine() -> list[str]:
    who = person()
    return [who.name, *sorted(who.roles)]


def read(kept: Mapping[str, Any]) -> Filter:
    """A filter that was kept as plain data; what this version does not know is left out."""
    known = {field.name for field in fields(Filter)}
    found: dict[str, Any] = {name: part for name, part in kept.items() if name in known and isinstance(part, str)}
    for name, choices in (("scope", get_args(Scope)), ("order", get_args(Order))):
        if found.get(name) not in choices:
            found.pop(name, None)
    return Filter(**found)


def kept(wanted: Filter) -> dict[str, Any]:
    """A filter as plain data."""
    return asdict(wanted)


def chosen() -> Filter:
    """The filter of this session."""
    found = st.session_state.get(_FILTER)
    return found if isinstance(found, Filter) else Filter()


def choose(wanted: Filter) -> None:
    """Keep a filter for this session: the next review follows it too."""
    st.session_state[_FILTER] = wanted


def waiting(saver: SqliteSaver, *, limit: int, offset: int = 0) -> list[Review]:
    """What waits and passes the filter, in its order."""
    wanted = chosen()
    return pending(saver, **wanted.clauses(), order=wanted.order, limit=limit, offset=offset)


def many(saver: SqliteSaver) -> int:
    """How many wait and pass the filter."""
    return polled(saver, "many", chosen(), lambda: count(saver, **chosen().clauses()))


def following(saver: SqliteSaver, current: str | None) -> Review | None:
    """The review after the current one, around the end of the queue, those put off last; None if no other waits.

    What somebody else has before them, or this reviewer may not decide on, comes only where nothing else is left.
    """
    queue = _ahead(saver)
    ids = [id_ for _, id_ in queue]
    place = ids.index(current) if current in ids else -1
    others = [key for key in queue[place + 1 :] + queue[: max(place, 0)] if key[1] != current]
    skipped = _skipped()
    put_off = [key for key in others if key[1] in skipped]
    left = [key for key in others if key[1] not in skipped] + put_off
    return _free(saver, left) or next(iter(reviews(saver, others[:1])), None)


def _ahead(saver: SqliteSaver) -> list[Key]:
    """The first of the queue that passes the filter, in its order."""
    wanted = chosen()
    return keys(saver, wanted.clauses(), order=wanted.order, limit=WINDOW)


def _free(saver: SqliteSaver, among: Sequence[Key]) -> Review | None:
    """The first that this reviewer may decide on and nobody else has before them; read a few at a time."""
    who = person()
    for start in range(0, len(among), _FEW):
        for one in reviews(saver, among[start : start + _FEW]):
            if not _taken(one, who):
                return one
    return None


def _taken(one: Review, who: Person) -> bool:
    """Whether others have it before them, or this reviewer may not decide on it."""
    held = one.claim
    claimed = held is not None and live(held) and not same(held.by, who.name) and not one.panel.many
    return claimed or (bool(who.name) and not one.panel.admits(who.name, who.roles))


def position(saver: SqliteSaver, current: str) -> int | None:
    """The place of a review in the queue, from 1; None if it is not among the first."""
    ids = [id_ for _, id_ in polled(saver, "ahead", chosen(), lambda: _ahead(saver))]
    return ids.index(current) + 1 if current in ids else None


def skip(current: str) -> None:
    """Put a review off until the others are done."""
    _skipped()[current] = None


def _skipped() -> dict[str, Any]:
    found: dict[str, Any] = st.session_state.setdefault(_SKIPPED, {})
    return found
