"""Recording what a reviewer chose: once, at once, and then on to the next."""

import time
from typing import Any, Final, Literal

import streamlit as st

from treadle.checkpoints.decisions import Decision, decide
from treadle.checkpoints.reviews import Review, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewClosed, TreadleError
from treadle.ui.fields import ABSENT, Field
from treadle.ui.forms import Unreadable, read
from treadle.ui.markups import plain
from treadle.ui.parts.actions import done
from treadle.ui.parts.asks import Ask
from treadle.ui.parts.replies import answer
from treadle.ui.parts.withdrawals import note
from treadle.ui.people import person
from treadle.ui.places import leave
from treadle.ui.queues import following, skip

CALM: Final = 0.6
"""Seconds that a review must have been in view: the second click of a double click does not hit the next one."""

TOLD: Final = 4
"""Seconds for which the page says what was recorded."""

Mode = Literal["read", "edit", "reject", "respond", "take_over"]

_MODES, _SHOWN, _TROUBLES, _TOAST, _TURNS = (
    f"treadle.{name}" for name in ("modes", "shown", "troubles", "toast", "turns")
)


def _kept(name: str) -> dict[str, Any]:
    found: dict[str, Any] = st.session_state.setdefault(name, {})
    return found


def mode(id: str) -> Mode:  # noqa: A002
    """What the reviewer is doing with a review."""
    found: Mode = _kept(_MODES).get(id, "read")
    return found


def turn(id: str, to: Mode) -> None:  # noqa: A002
    """Begin to edit, reject or respond, or go back to reading; what was typed is dropped on going back."""
    _kept(_MODES)[id] = to
    _kept(_TROUBLES).pop(id, None)
    if to == "read":
        _kept(_TURNS)[id] = turns(id) + 1


def turns(id: str) -> int:  # noqa: A002
    """How often the reviewer went back: widgets of each time have keys of their own."""
    return int(_kept(_TURNS).get(id, 0))


def trouble(id: str) -> str | None:  # noqa: A002
    """Why the last choice was not recorded."""
    found: str | None = _kept(_TROUBLES).get(id)
    return found


def seen(id: str) -> None:  # noqa: A002
    """Note when a review came into view."""
    shown = _kept(_SHOWN)
    if st.session_state.get(f"{_SHOWN}.last") != id:
        shown[id] = time.time()
        st.session_state[f"{_SHOWN}.last"] = id


def _inview(id: str) -> float:  # noqa: A002
    return time.time() - float(_kept(_SHOWN).get(id, 0.0))


def toast() -> None:
    """Show what was recorded a moment ago: each time anew while it is in view, or a page drawn again would hide it."""
    words, until = st.session_state.get(_TOAST, ("", 0.0))
    if time.time() < until:
        st.toast(plain(words), icon=":material/check_circle:", duration=TOLD)


def choose(
    saver: SqliteSaver, shown: Review, question: Ask, action: str, *, form: Field | None = None, say: str | None = None
) -> None:
    """Record an action and go on to the next review; what goes wrong is kept for the page to show.

    `form` holds the edited value; `say` is the key under which the page keeps reason and words.
    """
    if _inview(shown.id) < CALM:
        return
    _kept(_TROUBLES).pop(shown.id, None)
    made: Decision | None = None
    after = following(saver, shown.id)
    try:
        made = _record(saver, shown, question, action, form, say)
    except ReviewClosed as error:
        if not _mine(saver, shown):
            _kept(_TROUBLES)[shown.id] = f"Not recorded. {error}"
            return
    except (TreadleError, Unreadable) as error:
        _kept(_TROUBLES)[shown.id] = f"Not recorded. {error}"
        return
    voted = made is not None and made.kind == "vote"
    words = f"{'Your vote is recorded' if voted else done(action)}: {question.title}"
    st.session_state[_TOAST] = (words, time.time() + TOLD)
    if made is not None and not voted:
        note(review(saver, shown.id, thread=shown.thread_id), question.title)
    _kept(_MODES).pop(shown.id, None)
    move(after)


def _record(
    saver: SqliteSaver, shown: Review, question: Ask, action: str, form: Field | None, say: str | None
) -> Decision:
    who = person()
    if not who.name:
        raise Unreadable("Type your name first, so that the record says who decided.")
    value = read(form) if form is not None else ABSENT
    if action == "answer" and value == "":
        raise Unreadable("Nothing is typed so far: write your answer first.")
    reason = st.session_state.get(f"{say}/reason") or () if say else ()
    words = str(st.session_state.get(f"{say}/words") or "").strip() if say else ""
    labels = st.session_state.get(f"labels/{shown.id}") or ()
    given = answer(question, action, value=value, reason=reason, words=words or None, labels=labels)
    return decide(
        saver,
        shown.id,
        by=who.name,
        roles=who.roles,
        thread=shown.thread_id,
        digest=shown.digest,
        client="page",
        seconds=round(_inview(shown.id), 1),
        **given,
    )


def _mine(saver: SqliteSaver, shown: Review) -> bool:
    """Whether the decision that came first is this reviewer's own, of a moment ago: a second click."""
    first = review(saver, shown.id, thread=shown.thread_id).decision
    return first is not None and first.by == person().name and first.client == "page" and time.time() - first.at < 10


def put_off(saver: SqliteSaver, shown: Review) -> None:
    """Leave a review until the others are done, and go on to the next."""
    skip(shown.id)
    look_on(saver, shown)


def look_on(saver: SqliteSaver, shown: Review) -> None:
    """Go on to the next review, and leave this one where it is in the queue."""
    move(following(saver, shown.id) or shown)


def move(to: Review | None) -> None:
    """Point the address at a review, or at none."""
    leave("id", "thread")
    if to is not None:
        st.query_params["id"] = to.id
        st.query_params["thread"] = to.thread_id
