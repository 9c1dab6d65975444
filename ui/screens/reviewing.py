"""The Review page: one question, all that helps to decide it, and the few buttons that do."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import streamlit as st

from treadle.checkpoints.reviews import Review, review
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewNotFound, RunNotFound, TreadleError
from treadle.ui.diffs import changes
from treadle.ui.empties import empty
from treadle.ui.fields import ABSENT, Field, plan, said
from treadle.ui.forms import Unreadable, draw, read
from treadle.ui.markups import Markup, plain, put, tag
from treadle.ui.parts import claims, votings, withdrawals
from treadle.ui.parts.actions import GIVING
from treadle.ui.parts.asks import Ask
from treadle.ui.parts.bars import bar
from treadle.ui.parts.choices import mode, move, seen, toast, trouble, turns
from treadle.ui.parts.histories import decided, rounds
from treadle.ui.parts.looks import look_again
from treadle.ui.parts.maps import where
from treadle.ui.parts.questions import ask
from treadle.ui.parts.sheets import sheet
from treadle.ui.parts.talks import talk
from treadle.ui.places import asked, link
from treadle.ui.queues import following, many, position
from treadle.ui.stores import store
from treadle.ui.texts import changed, chip, passage, show
from treadle.ui.times import ago, gathering, left

_WATCH: Final = "treadle.watch"

_KINDS: Final[dict[str, dict[str, Any]]] = {
    "Text": {"type": "string", "maxLength": 5000},
    "Yes or no": {"type": "boolean"},
    "Data": {},
}
"""What a question without a schema can be answered with."""


def page() -> None:
    """Show the review that the address names, or the most urgent one."""
    saver = store()
    toast()
    with st.container():  # there even if empty, as the one in `_open`
        withdrawals.offer(saver)
    name = asked("id")
    if name is None:
        _first(saver)
        return
    try:
        found = review(saver, name, thread=asked("thread"))
    except ReviewNotFound as error:
        _back("This review is not here", str(error).replace("`treadle reviews`", "the Inbox"))
        return
    question = ask(found)
    _head(saver, found, question)
    if found.status == "pending":
        seen(found.id)
        _open(saver, found, question)
    else:
        _closed(saver, found, question)


def _first(saver: SqliteSaver) -> None:
    found = following(saver, None)
    if found is not None:
        move(found)
        st.rerun()
    _back("Nothing waits for a decision", "When a run needs a person, its question appears in the Inbox by itself.")


def _back(title: str, line: str) -> None:
    empty(title, line)
    with st.container(horizontal=True, horizontal_alignment="center"):
        link("inbox", "Go to the Inbox", icon=":material/inbox:")


def _head(saver: SqliteSaver, found: Review, question: Ask) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        link("inbox", "Inbox", icon=":material/arrow_back:")
        with st.container(horizontal=True, vertical_alignment="center", width="content"):
            place = position(saver, found.id) if found.status == "pending" else None
            st.caption(f"{place} of {many(saver):,} waiting" if place else " ", width="content")
            sheet(question.actions)
    put(tag("h2", question.title, kind="title", dir="auto"), tag("div", *_facts(saver, found, question), kind="meta"))
    if question.why:
        put(tag("p", tag("strong", "Why you are asked:"), f" {question.why}", kind="why", dir="auto"))
    put(question.terms.told())
    if question.note:
        st.warning(plain(question.note), icon=":material/update:")


def _facts(saver: SqliteSaver, found: Review, question: Ask) -> list[Markup]:
    facts = [found.graph or "", f"for {found.assign}" if found.assign else ""]
    facts.append(f"asked {ago(found.asked_at)}")
    if question.rounds and question.round > 1:
        facts.append(f"round {question.round} of {question.rounds}")
    with suppress(RunNotFound):
        origin = run(saver, found.thread_id)
        facts.append(f"a second look, after {origin.parent_thread}" if origin.forked_from else "")
    shown = [tag("span", fact) for fact in facts if fact]
    if found.due is not None and found.status == "pending":
        words = left(found.due)
        shown.append(chip(words, tone="bad" if words.startswith("overdue") else "fair"))
    return shown


def _open(saver: SqliteSaver, found: Review, question: Ask) -> None:
    """A review that waits: what it is about beside what is proposed, and the bar of choices."""
    st.session_state.pop(_WATCH, None)  # what changes from here on, not what this reviewer just did, draws it again
    _watch(found.id, found.thread_id)
    held = claims.hold(saver, found)
    with st.container():  # there even if empty: what comes and goes would move the fields, and drop what is typed there
        claims.told(saver, found, held)
        put(votings.told(saver, found))
    about, proposed = _columns(question)
    form = _form(found, question)
    if about is not None:
        with about:
            _about(question)
    with proposed:
        _proposed(found, question, form)
    where(found)
    talk(saver, found)
    bar(saver, found, question, form, closed=bool(held.words))


def _columns(question: Ask) -> tuple[Any, Any]:
    """Side by side if there is something to compare with; what is long gets the room."""
    if not question.context:
        return None, st.container(gap="medium")
    long = isinstance(question.proposal, str) and len(question.proposal) > 400
    first, second = st.columns((5, 3) if long else (6, 5), gap="large")
    return (second, first) if long else (first, second)


def _about(question: Ask) -> None:
    key, *part = question.marked or ("",)
    for name, value in question.context.items():
        put(tag("h3", said(name), kind="part"), passage(value, (part[0], part[1]) if name == key else None))


def _form(found: Review, question: Ask) -> Field | None:
    """The form, where the reviewer edits or the question wants an answer."""
    if "answer" not in question.actions and mode(found.id) not in GIVING:
        return None
    key = f"form/{found.id}/{turns(found.id)}"
    if question.shape == "open":
        schema = question.schema or _KINDS[st.session_state.get(f"as/{found.id}") or "Text"]
        kind = "" if question.schema else f"/{schema.get('type', 'data')}"
        return plan(schema, key=key + kind, label="Your answer", root=question.root)
    label = "" if isinstance(question.proposal, Mapping) else "The proposal, as you want it"
    return plan(question.schema, question.edited, key=key, label=label, root=question.root)


def _proposed(found: Review, question: Ask, form: Field | None) -> None:
    if question.history:
        put(
            tag("h3", "Earlier rounds", kind="part"),
            rounds(question.history, question.proposal, zone=st.context.timezone),
        )
    if form is not None and question.shape != "open":
        put(tag("h3", "Your edit" if mode(found.id) == "edit" else "Your own", kind="part"))
        with st.container(key="form"):
            draw(form)
        _difference(question, form)
        return
    if question.proposal is not ABSENT:
        put(
            tag("h3", "Asked" if question.shape == "open" else "Proposed", kind="part"),
            tag("div", show(question.proposal), kind="read"),
        )
    if form is not None:
        with st.container(key="form"):
            if not question.schema:
                st.segmented_control(
                    "Answer with",
                    list(_KINDS),
                    key=f"as/{found.id}",
                    default="Text",
                    required=True,
                    persist_state="session",
                )
            draw(form)


def _difference(question: Ask, form: Field) -> None:
    """What the edit changes, before it is saved."""
    try:
        found = changes(question.edited, read(form))
    except Unreadable as error:
        put(tag("p", str(error), kind="problem", role="alert"))
        return
    body = changed(found) if found else tag("p", "Nothing is changed so far.", kind="faint small")
    put(tag("h3", "What you change", kind="part"), body)


@st.fragment(run_every=4)
def _watch(name: str, thread: str) -> None:
    """Notice that somebody else decided, or that the run went on, while the review is open."""
    try:
        found = review(store(), name, thread=thread)
        state = (found.status, claims.hold(store(), found).by, found.digest, found.assign)
        if st.session_state.setdefault(_WATCH, state) != state:
            st.rerun()
    except TreadleError:
        st.rerun()


def _closed(saver: SqliteSaver, found: Review, question: Ask) -> None:
    """A review that is over: who decided what, and when."""
    told = trouble(found.id)
    if told:
        st.warning(plain(told), icon=":material/info:")
    zone = st.context.timezone
    if found.decision is not None:
        put(tag("h3", "Decided", kind="part"), decided(found.decision, question.proposal, zone=zone))
    else:
        put(tag("p", f"Closed without a decision: {found.problem or 'the run went on without it.'}"))
    withdrawals.offered(saver, found)
    if found.status == "decided" and (gathers := run(saver, found.thread_id)).gathers:
        put(tag("p", gathering(gathers, zone=zone), kind="faint small"))
    with st.container(horizontal=True, gap="medium"):
        if st.button("Next review", type="primary", shortcut="N", key=f"next-{found.id}"):
            move(following(saver, found.id))
            st.rerun()
        link("runs", "See the run", icon=":material/timeline:", thread=found.thread_id)
    about, proposed = _columns(question)
    if about is not None:
        with about:
            _about(question)
    with proposed:
        _proposed(found, question, None)
    look_again(saver, found)
    where(found)
    talk(saver, found)
