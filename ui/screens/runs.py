"""The Runs page: every run on this database, and the story of one."""

import time
from typing import Any, Final, get_args

import streamlit as st

from treadle.causes import cause
from treadle.checkpoints.reviews import pending
from treadle.checkpoints.runs import Run, Status, run, runs
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import RunNotFound
from treadle.ui import branches, stories
from treadle.ui.empties import empty
from treadle.ui.fans import under_way
from treadle.ui.markups import plain, put, tag
from treadle.ui.pairs import compare, values
from treadle.ui.parts.looks import look_again
from treadle.ui.parts.questions import ask
from treadle.ui.parts.retries import rerun, retry
from treadle.ui.places import asked, leave, link
from treadle.ui.rows import cell, row
from treadle.ui.statuses import WORDS, status
from treadle.ui.stores import store
from treadle.ui.texts import line, passage, show
from treadle.ui.times import ago, brief, gathering, stamp
from treadle.ui.workers import wanted

PAGE: Final = 25
"""Runs on one page of the list."""

EVENTS: Final = 40
"""Events on one page of a story."""


def page() -> None:
    """Show the run that the address names, or the list of all."""
    name = asked("thread")
    if name is None:
        _head()
        _list()
    else:
        _opened(name)


def _head() -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        put(tag("h2", "Runs", kind="title"), width="content")
        st.selectbox(
            "Status", get_args(Status), index=None, key="runs-status", placeholder="Status: all", width=240,
            label_visibility="collapsed", persist_state="session", format_func=lambda one: WORDS[one][0].capitalize(),
        )  # fmt: skip


@st.fragment(run_every=3)
def _list() -> None:
    wanted_status: Any = st.session_state.get("runs-status")
    place = int(st.session_state.get("runs-page", 1))
    found = runs(store(), status=wanted_status, limit=PAGE + 1, offset=(place - 1) * PAGE)
    if not found and place == 1:
        if wanted_status:
            empty("No run is in this state", "Choose another status to see the others.")
        else:
            empty("No run yet", "Runs appear here when a graph is started on this database:", command="treadle demo")
        return
    for one in found[:PAGE]:
        _row(one)
    if place > 1 or len(found) > PAGE:
        st.pagination(place + (len(found) > PAGE), key="runs-page", persist_state="session")


def _row(found: Run) -> None:
    graph = tag("div", found.graph or "a graph without a name", kind="cell faint small")
    state, counts = cell(status(found), _short(found), kind="small"), cell(_steps(found), _tokens(found), kind="small")
    age = tag("div", ago(found.updated_at), kind="cell faint small right")
    thread = found.thread_id
    row(f"run-{thread}", "runs", thread, graph, state, counts, age, kind="runs", thread=thread)


def _short(found: Run) -> str:
    if found.pending:
        return "1 review waits" if found.pending == 1 else f"{found.pending:,} reviews wait"
    return line(cause(found.error), most=100)


def _steps(found: Run) -> str:
    return "1 step" if found.steps == 1 else f"{found.steps:,} steps"


def _tokens(found: Run) -> str:
    cost = f", {stories.dollars(found.cost)}" if found.cost else ""
    return f"{found.tokens_in:,} tokens in, {found.tokens_out:,} out{cost}"


def _opened(name: str) -> None:
    saver = store()
    st.button(
        "All runs", icon=":material/arrow_back:", type="tertiary", key="all-runs", on_click=leave, args=("thread",)
    )
    try:
        found = run(saver, name)
    except RunNotFound as error:
        empty("This run is not here", str(error).replace("`treadle runs`", "the list of runs"))
        return
    _title(found)
    _live(name, found.status)
    _waiting(saver, found)
    retry(saver, found)
    parts = {"Story": _story, "Branches": _branches, "State": _state, "Look again": _looks, "Compare": compare}
    for tab, draw in zip(st.tabs(list(parts), on_change="rerun", key=f"run-tab-{name}"), parts.values(), strict=True):
        if tab.open:
            with tab:
                draw(saver, found)


def _title(found: Run) -> None:
    zone = st.context.timezone
    took = (found.finished_at or time.time()) - found.created_at
    facts = [
        found.graph or "a graph without a name",
        f"started {stamp(found.created_at, zone=zone)}",
        f"took {brief(took)}" if found.finished_at else f"changed {ago(found.updated_at)}",
        _steps(found),
        _tokens(found),
        *(f"{key}: {value}" for key, value in found.config.items()),
        f"version {found.fingerprint[:8]}" if found.fingerprint else "",
    ]
    head = tag("div", tag("h2", found.thread_id, kind="title"), status(found), kind="row")
    put(head, tag("div", *(tag("span", fact) for fact in facts if fact), kind="meta"))
    if found.error:
        st.error(plain(cause(found.error)), icon=":material/error:")
    if found.gathers:
        st.info(plain(gathering(found, zone=zone)), icon=":material/group:")
    if not wanted() and found.status == "decided":
        st.info(
            "This page records decisions only. The run goes on once a treadle worker, started beside it, takes it up.",
            icon=":material/info:",
        )
    if found.graph:
        link("graphs", "See it in its graph", icon=":material/account_tree:", graph=found.graph, thread=found.thread_id)


@st.fragment(run_every=3)
def _live(name: str, was: str) -> None:
    """Show how far its fan-outs are, and the page anew when the run has come further."""
    found = run(store(), name)
    if found.status == "running":
        under_way(store(), name)
    key = (found.status, found.steps, found.tokens_out, found.pending, found.updated_at)
    before = st.session_state.get("treadle.live")
    st.session_state["treadle.live"] = (name, key)
    if before and before[0] == name and before[1] != key:
        st.rerun()


def _waiting(saver: SqliteSaver, found: Run) -> None:
    rows = pending(saver, thread=found.thread_id, limit=10)
    if not rows:
        return
    with st.container(border=True, gap=None):
        put(tag("h3", f"Waits for a person: {found.pending}", kind="part"))
        for one in rows:
            link("review", ask(one).title, icon=":material/rate_review:", id=one.id, thread=one.thread_id)
        if found.pending > len(rows):
            st.caption(f"and {found.pending - len(rows):,} more, in the Inbox")


def _story(saver: SqliteSaver, found: Run) -> None:
    events = stories.story(saver, found.thread_id)
    if not events:
        empty("Nothing is recorded yet", "Prompts, responses and decisions appear here as the run goes on.")
        return
    put(tag("p", stories.summed(events), kind="faint small"))
    pages = -(-len(events) // EVENTS)
    place = min(int(st.session_state.get("story-page", 1)), pages)
    for event in events[(place - 1) * EVENTS : place * EVENTS]:
        put(stories.told(event, zone=st.context.timezone))
    if pages > 1:
        st.pagination(pages, key="story-page")


def _branches(saver: SqliteSaver, found: Run) -> None:
    rows = branches.branches(saver, found.thread_id, values(saver, found.thread_id))
    rerun(saver, found, failed=sum(one.outcome["status"] == "failure" for one in rows))
    if found.status in ("failed", "parked"):
        told = "Branches that failed run again, and are listed once they have ended. Above stands what they said."
        put(tag("p", told, kind="faint small"))
    if rows:
        put(branches.told(rows))
    else:
        empty("No branches", "Where a step fans out over many items, what became of each is listed here.")


def _looks(saver: SqliteSaver, found: Run) -> None:
    """Fork the run at one of its decided questions."""
    over = {one.id: one for one in pending(saver, thread=found.thread_id, status="closed", limit=200)}
    if not over:
        empty("Nothing to look at again", "A question whose answer the run has gone on with can be asked anew here.")
        return
    name = st.selectbox("Question", list(over), key="look-at", format_func=lambda one: ask(over[one]).title)
    if name:
        look_again(saver, over[name])


def _state(saver: SqliteSaver, found: Run) -> None:
    """The run's values as they are now: the results first."""
    shown = values(saver, found.thread_id)
    if not shown:
        empty("No values yet", "What the graph's steps write appears here.")
    for key, value in reversed(shown.items()):
        with st.expander(plain(stories.said(key)), expanded=isinstance(value, str) and len(value) < 6000):
            put(passage(value) if isinstance(value, dict) else show(value))
