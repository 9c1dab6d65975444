"""What reviewers say to each other about a question, and handing it over to somebody else."""

import streamlit as st

from treadle.checkpoints.desks.comments import Comment, comment, comments
from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import TreadleError
from treadle.ui.markups import Markup, plain, put, tag
from treadle.ui.parts.histories import moment
from treadle.ui.people import person

_TROUBLE = "treadle.talk"


def talk(saver: SqliteSaver, found: Review) -> None:
    """The comments on a question, and a field for one more."""
    said = comments(saver, found.id, thread=found.thread_id)
    label = f"Comments: {len(said)}" if said else "Comment, or hand over"
    with st.expander(label, expanded=bool(said), icon=":material/forum:", type="compact", key=f"talk-{found.id}"):
        put(tag("div", *(_told(one) for one in said), kind="rounds"))
        if person().name:
            _write(saver, found, len(said))
        else:
            st.text("Say who you are (top right) to comment.")


def _told(one: Comment) -> Markup:
    handed = f", handed over to {one.to}" if one.to else ""
    head = tag("div", tag("strong", f"{one.by}{handed}"), " ", tag("span", moment(one.at), kind="faint small"))
    return tag("div", head, tag("div", one.words, kind="text", dir="auto") if one.words else Markup(""), kind="event")


def _write(saver: SqliteSaver, found: Review, number: int) -> None:
    key = f"talk-{found.id}-{number}"
    st.text_area("Comment", key=f"{key}-words", height=70, persist_state="session")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if found.status == "pending":
            st.text_input(
                "Hand over to", key=f"{key}-to", placeholder="a role or a person, or nobody", width=260,
                persist_state="session",
            )  # fmt: skip
        st.button("Say it", key=f"{key}-send", on_click=_send, args=(saver, found, key))
    if told := st.session_state.pop(_TROUBLE, None):
        st.error(plain(told), icon=":material/error:")


def _send(saver: SqliteSaver, found: Review, key: str) -> None:
    who = person()
    words, to = (str(st.session_state.get(f"{key}-{name}") or "").strip() for name in ("words", "to"))
    try:
        comment(saver, found.id, words, by=who.name, roles=who.roles, to=to or None, thread=found.thread_id)
    except TreadleError as error:
        st.session_state[_TROUBLE] = f"Not recorded. {error}"
