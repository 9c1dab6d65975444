"""The Graphs page: how a graph is built, and how far a run of it has come."""

from collections.abc import Mapping
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from treadle.checkpoints.runs import Run, run, runs
from treadle.errors import RunNotFound, TreadleError
from treadle.graphs.drawings import dot, mermaid, svg
from treadle.graphs.drawings.pictures import Drawable
from treadle.graphs.progress import progress
from treadle.graphs.statuses import Progress
from treadle.ui.empties import empty
from treadle.ui.markups import plain, put, tag
from treadle.ui.places import asked, link
from treadle.ui.statuses import WORDS, status
from treadle.ui.stores import known, store
from treadle.ui.texts import chip
from treadle.ui.times import ago

RECENT: Final = 50
"""Runs to choose from."""

_TINTS = {"done": "good", "waiting": "fair", "running": "info", "failed": "bad", "skipped": ""}


def page() -> None:
    """Show the graph, and the run, that the address names or the reader chooses."""
    put(tag("h2", "Graphs", kind="title"))
    names = known().names
    if not names:
        empty("No graph is known", "Name yours in langgraph.json, beside which the page was started.")
        return
    left, right = st.columns(2)
    name = _graph(left, names)
    thread = _thread(right, name)
    about = known().description(name)
    if about:
        put(tag("p", about, kind="faint"))
    try:
        _drawable(name)
    except TreadleError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    drawing, side = st.columns((3, 1), gap="large")
    with drawing:
        _drawing(name, thread)
    with side:
        _side(name, thread)


def _graph(column: DeltaGenerator, names: tuple[str, ...]) -> str:
    wanted = asked("graph")
    if wanted and wanted not in names:
        st.warning(plain(f"No graph is called {wanted!r}: it is not in langgraph.json."), icon=":material/info:")
    place = names.index(wanted) if wanted in names else 0
    return str(column.selectbox("Graph", names, index=place, key=f"graphs-name-{wanted}"))


def _thread(column: DeltaGenerator, name: str) -> str | None:
    """The run to show the status of: one of the graph's newest, or the one that the address names."""
    found = {one.thread_id: one for one in runs(store(), graph=name, limit=RECENT)}
    wanted = asked("thread") if asked("graph") in (None, name) else None
    if wanted and wanted not in found:
        try:
            found[wanted] = run(store(), wanted)
        except RunNotFound:
            wanted = None
    options = list(found)
    place = options.index(wanted) if wanted else None
    chosen: str | None = column.selectbox(
        "Run", options, index=place, key=f"graphs-run-{name}-{wanted}", placeholder="structure only",
        format_func=lambda one: _named(found[one]), disabled=not options,
    )  # fmt: skip
    return chosen


def _named(found: Run) -> str:
    return f"{found.thread_id} ({WORDS[found.status][0]}, {ago(found.updated_at)})"


@st.fragment(run_every=3)
def _drawing(name: str, thread: str | None) -> None:
    found = _progress(thread)
    st.graphviz_chart(dot(_drawable(name), progress=found), width="content", alt=_told(name, found))


def _side(name: str, thread: str | None) -> None:
    if thread:
        _state(thread)
        put(
            tag("h3", "Colours", kind="part"),
            tag("div", *(chip(word, tone=tone) for word, tone in _TINTS.items()), kind="legend"),
        )
    _downloads(name, thread)


@st.fragment(run_every=3)
def _state(thread: str) -> None:
    put(tag("h3", "This run", kind="part"), status(run(store(), thread)))
    link("runs", "Its story", icon=":material/timeline:", thread=thread)


def _progress(thread: str | None) -> Mapping[str, Progress] | None:
    return progress(store(), thread) if thread else None


def _drawable(name: str) -> Drawable:
    return known().compiled(name, None)


def _told(name: str, found: Mapping[str, Progress] | None) -> str:
    """The drawing in words, for who cannot see it."""
    steps = ", ".join(f"{path.replace('|', ' / ')} {count.words}" for path, count in (found or {}).items() if path)
    return f"The steps of {name}" + (f": {steps}" if steps else "")


def _downloads(name: str, thread: str | None) -> None:
    """Files made here: nothing is asked of the network."""
    graph, found = _drawable(name), _progress(thread)
    put(tag("h3", "The drawing as a file", kind="part"))
    with st.container(horizontal=True):
        for form, drawing, ending, kind in (
            ("SVG", svg(graph, progress=found), "svg", "image/svg+xml"),
            ("Mermaid", mermaid(graph, progress=found), "mmd", "text/plain"),
        ):
            st.download_button(form, drawing, f"{name}.{ending}", kind, icon=":material/download:", on_click="ignore")
