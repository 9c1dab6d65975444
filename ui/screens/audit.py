"""The Audit page: who decided what and when, what else was done, and whether the record is whole."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import streamlit as st

from treadle.checkpoints import exports
from treadle.checkpoints.desks.audits import Decision, decisions, tip, verify
from treadle.checkpoints.desks.events import Event, events
from treadle.checkpoints.reviews import Key, reviews
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.empties import empty
from treadle.ui.markups import NOTHING, Markup, put, tag
from treadle.ui.parts.actions import done
from treadle.ui.parts.histories import moment
from treadle.ui.parts.questions import ask
from treadle.ui.people import person
from treadle.ui.rows import cell, row
from treadle.ui.stores import store
from treadle.ui.texts import chip, line, table
from treadle.ui.times import brief

PAGE: Final = 25
"""Rows on one page of a list."""


def page() -> None:
    """Show the record, verify it, and give it away as a file."""
    saver = store()
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        put(tag("h2", "Audit", kind="title"), width="content")
        st.button("Verify the record", key="verify", icon=":material/verified:", on_click=_verify, args=(saver,))
    _verdict()
    decided, other, files = st.tabs(["Decisions", "What else was done", "Export"], on_change="rerun", key="audit-tab")
    for tab, draw in ((decided, _decisions), (other, _events), (files, _exports)):
        if tab.open:
            with tab:
                draw(saver)


def _verify(saver: SqliteSaver) -> None:
    st.session_state["treadle.verdict"] = (verify(saver), tip(saver))


def _verdict() -> None:
    """What the verification found, once."""
    found = st.session_state.pop("treadle.verdict", None)
    if found is None:
        return
    problems, (seq, hash_) = found
    if problems:
        st.error("The record is not whole.", icon=":material/error:")
        put(tag("ul", *(tag("li", problem) for problem in problems)))
    else:
        many = "1 decision" if seq == 1 else f"{seq:,} decisions"
        st.success(
            f"The record of {many} is whole: none was changed, removed or added later.", icon=":material/verified:"
        )
        put(tag("p", "To show one day that it was not written anew, note elsewhere: ", tag("code", f"{seq}:{hash_}"),
                kind="faint small"))  # fmt: skip


def _decisions(saver: SqliteSaver) -> None:
    run = st.text_input("Only of one run", key="audit-run", placeholder="the run's name", width=320)
    place = int(st.session_state.get("audit-page", 1))
    found = decisions(saver, thread=run or None, limit=PAGE + 1, offset=(place - 1) * PAGE)
    if not found:
        empty("Nothing is decided yet", "Every decision appears here, sealed with the hash of the one before it.")
        return
    titles = _titles(saver, found[:PAGE])
    for one in found[:PAGE]:
        _decision(one, titles.get((one.thread_id, one.interrupt_id), ""))
    _pages("audit-page", place, len(found) > PAGE)


def _titles(saver: SqliteSaver, found: Sequence[Decision]) -> dict[Key, str]:
    """What was decided about, as far as the queue still has it."""
    keys = {(one.thread_id, one.interrupt_id) for one in found}
    return {(one.thread_id, one.id): ask(one).title for one in reviews(saver, keys)}


def _decision(one: Decision, title: str) -> None:
    label = f"{one.seq}. {done(one.action)}" + (" (vote)" if one.kind == "vote" else "")
    label += f": {title}" if title else ""
    told = line(", ".join([*one.reasons, *([one.words] if one.words else [])]))
    roles = f" as {', '.join(one.roles)}" if one.roles else ""
    cells = (
        tag("div", told, kind="cell faint small", dir="auto"),
        cell(f"{one.by}{roles}", moment(one.at, zone=st.context.timezone), kind="small"),
        cell(_marks(one), _manner(one), one.gate or one.graph or "", kind="small right"),
    )
    row(f"decision-{one.seq}", "review", label, *cells, kind="decisions", id=one.interrupt_id, thread=one.thread_id)


def _marks(one: Decision) -> Markup:
    marks = [chip(f"by rule {one.rule}", tone="info")] if one.rule else []
    marks += [chip("parts removed", tone="fair")] if one.removed else []
    return sum(marks, NOTHING)


_PLACES: Final = {"page": "on the page", "python": "by a program", "terminal": "in the terminal",
                  "command line": "in the terminal", "rule": ""}  # fmt: skip
"""Where a decision was made, by the client's name on record."""


def _manner(one: Decision) -> str:
    """Where it was decided, and after how long a look."""
    after = f"after {brief(one.seconds)}" if one.seconds is not None else ""
    return ", ".join(part for part in (_PLACES.get(one.client, one.client), after) if part)


def _events(saver: SqliteSaver) -> None:
    place = int(st.session_state.get("events-page", 1))
    found = events(saver, limit=PAGE + 1, offset=(place - 1) * PAGE)
    if not found:
        empty("Nothing else was done", "Rules, second looks, claims taken over and comments appear here.")
        return
    rows: Sequence[Sequence[Any]] = [_event(one) for one in found[:PAGE]]
    put(table(("", "What", "By", "When", "Run", "More"), rows, label="What else was done"))
    _pages("events-page", place, len(found) > PAGE)


def _event(one: Event) -> list[Any]:
    more = {key: part for key, part in one.content.items() if key != "decisions" and part not in (None, "", [], {})}
    return [str(one.seq), one.kind, one.by, moment(one.at, zone=st.context.timezone), one.thread_id or "", line(more)]


def _pages(key: str, place: int, more: bool) -> None:
    if place > 1 or more:
        st.pagination(place + more, key=key)


_FORMS: Final = {
    "jsonl": "All that is on record (jsonl)",
    "csv": "A table (csv)",
    "sft": "Examples to train a model on (sft)",
    "preferences": "Pairs of proposed and preferred (preferences)",
    "evaluation": "A set to test a model with (evaluation)",
    "ground-truth": "SageMaker Ground Truth (ground-truth)",
    "a2i": "Amazon A2I (a2i)",
}
"""What each form is for; its name in the terminal stands behind."""


def _exports(saver: SqliteSaver) -> None:
    """A file of what was decided; it is made when it is asked for."""
    if not person().operates:
        st.text("Exports take the role of an operator.")
        return
    left, right = st.columns(2)
    form = left.selectbox(
        "Form", list(exports.FORMS), key="export-form", format_func=lambda one: _FORMS.get(str(one)) or str(one)
    )
    hidden = right.text_input("Leave out", key="export-redact", placeholder="such as: email, patient.name")
    left_out = [one.strip() for one in hidden.split(",") if one.strip()]
    suffix = "csv" if form == "csv" else "jsonl"
    st.download_button(
        "Export", partial(_file, saver, str(form), left_out), f"decisions-{form}.{suffix}",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _file(saver: SqliteSaver, form: str, left_out: Sequence[str]) -> bytes:
    person().operate()
    return "".join(text for _, text in exports.lines(saver, form, redact=left_out)).encode()
