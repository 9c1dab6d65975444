"""The row of views above the Inbox: what a reviewer looks at, and in which order, kept under a name."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import streamlit as st

from treadle.checkpoints.desks.counts import Counts
from treadle.checkpoints.desks.filters import Order
from treadle.checkpoints.desks.views import forget, save, views
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.markups import plain
from treadle.ui.people import person
from treadle.ui.queues import Filter, Scope, chosen, kept, read

GIVEN: Final[Mapping[str, Filter]] = {
    "All": Filter(),
    "For me": Filter(scope="mine"),
    "Overdue": Filter(scope="overdue"),
}
"""Views that everybody has."""

ORDERS: Final[Mapping[Order, str]] = {
    "urgency": "Most urgent first",
    "due": "Due first",
    "oldest": "Oldest first",
    "newest": "Newest first",
}

SEARCH, GRAPH, ASSIGN, ORDER, VIEW, SCOPE = (
    f"inbox-{name}" for name in ("search", "Graph", "Assigned to", "order", "view", "scope")
)
"""Keys of the widgets that make up the filter."""

_NEW: Final = "inbox-view-name"


def bar(saver: SqliteSaver, waiting: Counts) -> None:
    """Draw the views to choose from, those that the reviewer kept among them."""
    who = person().name
    own = {one.name: read(one.wanted) for one in views(saver, by=who)} if who else {}
    known = {**GIVEN, **own}
    if st.session_state.get(VIEW) not in (None, *known):
        st.session_state.pop(VIEW)
    counted = {"All": waiting.total, "Overdue": waiting.overdue}
    with st.container(horizontal=True, vertical_alignment="center"):
        st.pills(
            "View", list(known), key=VIEW, default="All", required=True, label_visibility="collapsed",
            persist_state="session", on_change=_apply, args=(known,),
            format_func=lambda name: plain(name) + (f" {counted[name]:,}" if name in counted else ""),
        )  # fmt: skip
        with st.popover("Keep", icon=":material/bookmark:", type="tertiary", help="Keep this view under a name"):
            _keeping(saver, who, own)


def scope() -> Scope:
    """What the chosen view is about."""
    found: Any = st.session_state.get(SCOPE)
    return found if found in get_args(Scope) else "all"


def _apply(known: Mapping[str, Filter]) -> None:
    """Put a view's filter into the widgets."""
    wanted = known.get(str(st.session_state.get(VIEW)), Filter())
    for key, value in ((SEARCH, wanted.search or ""), (GRAPH, wanted.graph), (ASSIGN, wanted.assign)):
        st.session_state[key] = value
    st.session_state[ORDER] = wanted.order
    st.session_state[SCOPE] = wanted.scope
    st.session_state["inbox-page"] = 1


def _keeping(saver: SqliteSaver, who: str, own: Mapping[str, Filter]) -> None:
    if not who:
        st.text("Say who you are (top right): views are kept by name.")
        return
    st.text_input("Name of this view", key=_NEW, max_chars=40, placeholder="such as: big contracts")
    st.button("Keep what is shown now", key="inbox-keep", on_click=_keep, args=(saver, who))
    for name in own:
        st.button(f"Drop “{plain(name)}”", key=f"inbox-drop-{name}", type="tertiary", on_click=_drop,
                  args=(saver, name, who))  # fmt: skip


def _keep(saver: SqliteSaver, who: str) -> None:
    name = str(st.session_state.get(_NEW) or "").strip()
    if name and name not in GIVEN:
        save(saver, name, kept(chosen()), by=who)
        st.session_state[VIEW] = name
        st.session_state[_NEW] = ""


def _drop(saver: SqliteSaver, name: str, who: str) -> None:
    forget(saver, name, by=who)
    if st.session_state.get(VIEW) == name:
        st.session_state[VIEW] = "All"
        _apply(GIVEN)


def order() -> Order:
    """The order in which the list is sorted."""
    found: Any = st.session_state.get(ORDER)
    return found if found in get_args(Order) else "urgency"
