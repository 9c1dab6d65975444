"""Taking back a decision, while the question gives time for it."""

import time
from typing import Any, Final

import streamlit as st

from treadle.checkpoints.desks.panels import same
from treadle.checkpoints.desks.withdrawals import withdraw
from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import TreadleError
from treadle.ui.markups import plain
from treadle.ui.people import person
from treadle.ui.times import span

_LAST: Final = "treadle.last"
_TROUBLE: Final = "treadle.back"


def note(made: Review, title: str) -> None:
    """Remember what was decided a moment ago, so that it can be taken back on the next page."""
    if made.held_until is not None:
        st.session_state[_LAST] = (made.id, made.thread_id, made.held_until, title)


def offer(saver: SqliteSaver) -> None:
    """Offer to take back what this reviewer decided last, as long as there is time."""
    last = st.session_state.get(_LAST)
    if told := st.session_state.pop(_TROUBLE, None):
        st.warning(plain(told), icon=":material/info:")
    if not last or last[2] < time.time():
        return
    label = f"Take back: {last[3]} (for {span(last[2] - time.time())})"
    st.button(
        plain(label), key="take-back", shortcut="Z", type="tertiary", icon=":material/undo:", on_click=_back,
        args=(saver, last[0], last[1]),
    )  # fmt: skip


def offered(saver: SqliteSaver, found: Review) -> None:
    """The same on the page of a decided review."""
    made, until = found.decision, found.held_until
    mine = made is not None and any(same(person().name, one) for one in made.by.split(", "))
    if found.status == "decided" and until is not None and until > time.time() and mine:
        st.button(
            f"Take it back (for {span(until - time.time())})", key=f"back-{found.id}", icon=":material/undo:",
            shortcut="Z", on_click=_back, args=(saver, found.id, found.thread_id),
        )  # fmt: skip


def _back(saver: SqliteSaver, id: str, thread: str) -> Any:  # noqa: A002
    who = person()
    try:
        withdraw(saver, id, by=who.name, roles=who.roles, thread=thread)
    except TreadleError as error:
        st.session_state[_TROUBLE] = f"Not taken back. {error}"
    else:
        st.query_params["id"], st.query_params["thread"] = id, thread
    st.session_state.pop(_LAST, None)
