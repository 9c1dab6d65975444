"""The Inbox: what waits for a person, in every run on this database."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from treadle.checkpoints.desks.counts import counts
from treadle.checkpoints.reviews import Review, reviews
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui import views
from treadle.ui.empties import empty
from treadle.ui.markups import Markup, join, put, tag
from treadle.ui.parts import withdrawals
from treadle.ui.parts.actions import DONE
from treadle.ui.parts.choices import toast
from treadle.ui.parts.claims import elsewhere
from treadle.ui.parts.questions import ask
from treadle.ui.parts.votings import brief, tally
from treadle.ui.places import go
from treadle.ui.polls import polled
from treadle.ui.queues import Filter, choose, chosen, following, many, waiting
from treadle.ui.rows import cell, row
from treadle.ui.stores import store
from treadle.ui.texts import chip
from treadle.ui.times import ago, left

PAGE: Final = 25
"""Reviews on one page of the list."""

_SHOWN: Final = "treadle.inbox"


@dataclass(frozen=True)
class Shown:
    """What the list showed when it was last filled: it stays so until the reader asks for what is new."""

    rows: tuple[Review, ...]
    total: int
    at: float
    offset: int
    filter: Filter


def page() -> None:
    """Show what waits."""
    saver = store()
    toast()
    withdrawals.offer(saver)
    _head(saver)
    _filters(saver)
    _list()


def _head(saver: SqliteSaver) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        put(tag("h2", "Inbox", kind="title"), width="content")
        if many(saver):
            begin = st.button(
                "Review next", key="begin", type="primary", shortcut="N", help="Open the most urgent one that waits"
            )
            first = following(saver, None) if begin else None
            if first is not None:
                go("review", id=first.id, thread=first.thread_id)


def _filters(saver: SqliteSaver) -> None:
    """Views, search, filters and order; those that would have nothing to choose from are left out."""
    found = counts(saver)
    graphs = sorted({*found.graphs} | {g for g in [chosen().graph] if g})
    people = sorted({*found.assigned} | {a for a in [chosen().assign] if a})
    if not found.total and not chosen().narrow:
        return
    views.bar(saver, found)
    offered = {
        label: (options, many)
        for label, options, many in (("Graph", graphs, found.graphs), ("Assigned to", people, found.assigned))
        if len(options) > 1 or options == [chosen().graph] or options == [chosen().assign]
    }
    search, *between, by = st.columns((2.6, *(1.5 for _ in offered), 1.9))
    words = search.text_input(
        "Search", key=views.SEARCH, type="search", placeholder="Search titles and texts", live=True,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    picked = {label: _select(column, label, *offered[label]) for label, column in zip(offered, between, strict=True)}
    by.selectbox(
        "Order", list(views.ORDERS), key=views.ORDER, format_func=views.ORDERS.__getitem__,
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    choose(Filter(words or None, picked.get("Graph"), picked.get("Assigned to"), views.scope(), views.order()))


def _select(column: DeltaGenerator, label: str, options: list[str], found: Mapping[str, int]) -> str | None:
    picked: str | None = column.selectbox(
        label, options, index=None, key=f"inbox-{label}", placeholder=f"{label}: all", label_visibility="collapsed",
        persist_state="session", format_func=lambda one: f"{one} ({found.get(one, 0):,})",
    )  # fmt: skip
    return picked


@st.fragment(run_every=3)
def _list() -> None:
    """The rows, as they were when the reader last asked for them; what changed since is said."""
    saver = store()
    total = many(saver)
    pages = max(1, -(-total // PAGE))
    place = min(int(st.session_state.get("inbox-page", 1)), pages)
    before = st.session_state.get(_SHOWN)
    shown = _shown(saver, total, (place - 1) * PAGE)
    _news(saver, shown, total, filled=shown is not before)
    if not shown.rows:
        _nothing()
        return
    for found in reviews(saver, [(one.thread_id, one.id) for one in shown.rows]):
        _row(found)
    if pages > 1:
        st.pagination(pages, key="inbox-page", persist_state="session")


def _shown(saver: SqliteSaver, total: int, offset: int) -> Shown:
    kept = st.session_state.get(_SHOWN)
    if isinstance(kept, Shown) and kept.filter == chosen() and kept.offset == offset and kept.rows:
        return kept
    fresh = Shown(tuple(waiting(saver, limit=PAGE, offset=offset)), total, time.time(), offset, chosen())
    st.session_state[_SHOWN] = fresh
    return fresh


def refresh() -> None:
    """Fill the list anew."""
    st.session_state.pop(_SHOWN, None)


def _news(saver: SqliteSaver, shown: Shown, total: int, *, filled: bool) -> None:
    """How many wait, and a way to see those that came since the list was filled."""
    of = shown.filter, shown.offset, shown.at
    new = 0 if filled or not total else polled(saver, "new", of, lambda: _since(saver, shown))
    new = max(new, total - shown.total)
    with st.container(horizontal=True, vertical_alignment="center"):
        words = "1 review waits" if total == 1 else f"{total:,} reviews wait"
        st.caption(f"{words}{' and match' if chosen().narrow else ''}" if total else " ", width="content")
        if new and shown.rows:
            st.button(f"{new} new, show", key="inbox-new", type="tertiary", icon=":material/refresh:", on_click=refresh)


def _since(saver: SqliteSaver, shown: Shown) -> int:
    """How many of those that the list would show now came after it was filled."""
    return sum(one.asked_at > shown.at for one in waiting(saver, limit=PAGE, offset=shown.offset))


def _nothing() -> None:
    if chosen().narrow:
        empty("Nothing matches", "Take away a filter or a word of the search to see what else waits.")
        return
    empty(
        "Nothing waits for you",
        "When a run needs a person, its question appears here by itself. To see how that looks, start the example:",
        command="treadle demo",
    )


def _row(now: Review) -> None:
    question = ask(now)
    why = tag("div", question.why[:1].upper() + question.why[1:], kind="cell faint small", dir="auto")
    whose = cell(now.graph or "no name", *([f"for {now.assign}"] if now.assign else []), kind="small")
    state = cell(_state(now), f"asked {ago(now.asked_at)}", kind="small right")
    key = f"{now.thread_id}-{now.id}"
    row(key, "review", question.title, why, whose, state, id=now.id, thread=now.thread_id)


def _state(found: Review) -> Markup:
    """Urgency while it waits; who decided once it does not."""
    if found.decision is not None:
        done = DONE.get(found.decision.action, found.decision.action)
        return chip(f"{done} by {found.decision.by}", tone="good")
    if found.status != "pending":
        return chip("Closed")
    parts = []
    if (by := elsewhere(found)) is not None:
        parts.append(chip(f"{by} is on it", tone="info"))
    if (votes := tally(store(), found)) is not None:
        parts.append(chip(brief(votes), tone="info"))
    if found.priority > 0:
        parts.append(chip(f"Priority {found.priority:g}", tone="info"))
    if found.due is not None:
        words = left(found.due)
        parts.append(chip(words.capitalize(), tone="bad" if words.startswith("overdue") else "fair"))
    return join([part + Markup(" ") for part in parts])
