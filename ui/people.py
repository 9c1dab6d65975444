"""Who the reviewer is: somebody who signed in, or whoever sits at this computer."""

from dataclasses import dataclass

import streamlit as st

from treadle.ui.markups import plain

KEY = "by"
"""The name's place in the session and in the address, where a reload finds it again."""


@dataclass(frozen=True)
class Person:
    """The reviewer of this session."""

    name: str
    """As the record of decisions says it; empty until it is known."""
    local: bool
    """Whether anybody at this computer may be it: nobody signed in."""


def person() -> Person:
    """Who sits at this session."""
    if signing():
        user = st.user.to_dict()
        return Person(str(user.get("email") or user.get("name") or user.get("sub") or ""), local=False)
    # The address has the name before the field for it is drawn, when a page is opened cold.
    name = st.session_state[KEY] if KEY in st.session_state else st.query_params.get(KEY)
    return Person(str(name or "").strip(), local=True)


def signing() -> bool:
    """Whether reviewers sign in: there is an ``[auth]`` section in the secrets."""
    return hasattr(st.user, "is_logged_in")


def admitted() -> bool:
    """Whether the pages may be shown; shows the way to sign in otherwise."""
    if not signing() or st.user.is_logged_in:
        return True
    st.title("treadle")
    st.text("Sign in to see what waits for you.")
    st.button("Sign in", type="primary", on_click=st.login)
    return False


def introduce() -> None:
    """Show who is deciding, on every page; ask for the name where nobody signs in."""
    who = person()
    if not who.local:
        with st.popover(f"**{plain(who.name)}**", icon=":material/person:", type="tertiary"):
            st.text("You are signed in: decisions are recorded under this name.")
            st.button("Sign out", on_click=st.logout)
        return
    label = f"**{plain(who.name)}** · local mode" if who.name else "**Who are you?** · local mode"
    with st.popover(label, icon=":material/person:", type="tertiary", help="Who decides, and how that is known"):
        _ask()
        st.caption(
            "Local mode: the page answers on this computer only, nobody signs in, and decisions are recorded under the"
            " name that stands here."
        )


def _ask() -> None:
    st.text_input("Your name", key=KEY, bind="query-params", max_chars=80, placeholder="as the record should have it")


def missing() -> bool:
    """Ask for the name, in the page, where a decision needs one; whether it is still missing."""
    return not person().name
