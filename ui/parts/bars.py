"""The bar below a review: what each choice leads to, the buttons, and the panel that a choice opens."""

import streamlit as st

from treadle.checkpoints.reviews import Review
from treadle.checkpoints.savers import SqliteSaver
from treadle.ui.fields import Field
from treadle.ui.markups import plain, put, tag
from treadle.ui.parts.actions import GIVING, ICONS, KEYS, OPENING, named
from treadle.ui.parts.asks import Ask
from treadle.ui.parts.choices import Mode, choose, look_on, mode, put_off, trouble, turn, turns
from treadle.ui.parts.focuses import focus, hold
from treadle.ui.people import missing


def bar(saver: SqliteSaver, found: Review, question: Ask, form: Field | None, *, closed: bool) -> None:
    """Draw the bar for a review that waits; `closed` for who cannot decide on it now."""
    with st.container(key="bar", gap="small"):
        told = trouble(found.id)
        if told:
            st.error(plain(told), icon=":material/error:")
        doing = mode(found.id)
        if doing in ("reject", "respond"):
            _panel(saver, found, question, doing)
        elif doing in GIVING:
            _saving(saver, found, question, form, doing)
        else:
            _choosing(saver, found, question, form, closed=closed)


def _choosing(saver: SqliteSaver, found: Review, question: Ask, form: Field | None, *, closed: bool) -> None:
    if question.leads_to:
        pairs = [tag("div", tag("dt", named(action)), tag("dd", words)) for action, words in question.leads_to.items()]
        put(tag("dl", *pairs, kind="leads", aria_label="What each choice leads to"))
    if question.labels:
        st.pills(
            "Labels", question.labels, selection_mode="multi", key=f"labels/{found.id}", format_func=plain,
            persist_state="session",
        )  # fmt: skip
    nobody = missing()
    hold({action: KEYS[action] for action in OPENING})
    with st.container(horizontal=True, vertical_alignment="center"):
        for place, action in enumerate(question.actions):
            _button(saver, found, question, action, form, first=place == 0, disabled=nobody or closed)
        st.button(
            "Skip", key=f"skip-{found.id}", shortcut="S", type="tertiary", icon=":material/schedule:",
            help="Leave this one until the others are done", on_click=put_off, args=(saver, found),
        )  # fmt: skip
        st.button(
            "Next", key=f"next-{found.id}", shortcut="N", type="tertiary", icon=":material/arrow_forward:",
            help="Look at the next one", on_click=look_on, args=(saver, found),
        )  # fmt: skip
    if nobody:
        put(
            tag("p", "Say who you are (top right) before you decide: the record keeps who decided.", kind="faint small")
        )


def _button(
    saver: SqliteSaver, found: Review, question: Ask, action: str, form: Field | None, *, first: bool, disabled: bool
) -> None:
    opens = action in OPENING
    st.button(
        plain(named(action)),
        key=f"{action}-{found.id}",
        type="primary" if first else "secondary",
        shortcut=KEYS.get(action),
        icon=ICONS.get(action),
        disabled=disabled,
        on_click=turn if opens else choose,
        args=(found.id, action) if opens else (saver, found, question, action),
        kwargs={} if opens else {"form": form},
    )


def _saving(saver: SqliteSaver, found: Review, question: Ask, form: Field | None, doing: Mode) -> None:
    label = "Save edit" if doing == "edit" else "Take over with this"
    say = _say(found)
    _words(found, "Why (optional)", height=70)
    _last(saver, found, question, doing, label=label, form=form, say=say, within="form")


def _say(found: Review) -> str:
    """The key under which reason and words of a decision are kept; each time the panel opens it is a new one."""
    return f"say/{found.id}/{turns(found.id)}"


def _words(found: Review, label: str, *, height: int = 90) -> None:
    st.text_area(
        plain(label), key=f"{_say(found)}/words", height=height, placeholder="optional", persist_state="session"
    )


def _panel(saver: SqliteSaver, found: Review, question: Ask, action: str) -> None:
    """Reason and words of a rejection, or the words of a response."""
    say = _say(found)
    if question.reasons and action == "reject":
        st.pills(
            "Reason", question.reasons, selection_mode="multi", key=f"{say}/reason", format_func=plain,
            persist_state="session",
        )  # fmt: skip
    leads = question.leads_to.get(action)
    label = "Your words" if action == "respond" else f"In your own words ({leads})" if leads else "In your own words"
    with st.container(key="say"):
        _words(found, label)
    last = "Reject" if action == "reject" else "Send response"
    _last(saver, found, question, action, label=last, say=say, within="say")


def _last(
    saver: SqliteSaver,
    found: Review,
    question: Ask,
    action: str,
    *,
    label: str,
    within: str,
    say: str,
    form: Field | None = None,
) -> None:
    """The button that records what was typed, and the one that drops it; then the keyboard goes to where one types."""
    with st.container(horizontal=True):
        st.button(
            label,
            key=f"save-{action}-{found.id}",
            type="primary",
            icon=ICONS[action],
            shortcut="Ctrl+Enter",
            on_click=choose,
            args=(saver, found, question, action),
            kwargs={"form": form, "say": say},
        )
        st.button("Cancel", key=f"cancel-{found.id}", shortcut="Esc", on_click=turn, args=(found.id, "read"))
    focus(within, turn=say)
