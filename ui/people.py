"""Who the reviewer is: somebody who signed in, whom a trusted proxy names, or whoever sits at this computer."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import streamlit as st

from treadle.checkpoints.desks.operators import operate
from treadle.errors import NotAllowed
from treadle.ui.markups import plain

KEY = "by"
"""The name's place in the session and in the address, where a reload finds it again."""

ROLES = "roles"
"""The same of the roles that somebody says to have where nobody signs in."""

USER_HEADER = "TREADLE_USER_HEADER"
"""The environment variable that names the header in which a proxy says who the user is; without it none is read."""

GROUPS_HEADER = "TREADLE_GROUPS_HEADER"
"""The same for the user's groups, separated by commas."""

GROUPS_CLAIM = "TREADLE_GROUPS_CLAIM"
"""The environment variable that says which claim of the identity provider holds the groups (default: ``groups``)."""

HOURS = "TREADLE_SIGN_IN_HOURS"
"""The environment variable that says for how long a sign-in counts, though its cookie lasts longer (default: 12)."""

How = Literal["signed in", "proxy", "local"]


@dataclass(frozen=True)
class Person:
    """The reviewer of this session."""

    name: str
    """As the record of decisions says it; empty until it is known."""
    roles: frozenset[str]
    how: How
    """How that is known; ``local``: nobody checked it."""

    @property
    def local(self) -> bool:
        """Whether anybody at this computer may be it: nobody signed in."""
        return self.how == "local"

    @property
    def operates(self) -> bool:
        """Whether they may retry and fork runs, make rules and remove text."""
        try:
            self.operate()
        except NotAllowed:
            return False
        return True

    def operate(self) -> None:
        """Raise NotAllowed if they may not: in local mode anybody may, unless a role is named."""
        operate(self.name or "Nobody", self.roles, takes=None if self.local else "operator")


def person() -> Person:
    """Who sits at this session: read anew for every action, on the server, from what the browser cannot choose."""
    if signing():
        user: dict[str, Any] = dict(st.user.to_dict()) if _fresh() else {}
        name = user.get("email") or user.get("name") or user.get("sub") or ""
        return Person(str(name), _groups(user.get(os.environ.get(GROUPS_CLAIM, "groups"))), "signed in")
    if header := os.environ.get(USER_HEADER):
        groups = os.environ.get(GROUPS_HEADER)
        given = st.context.headers.get(groups, "").split(",") if groups else ()
        return Person(st.context.headers.get(header, "").strip(), _groups(given), "proxy")
    return Person(_said(KEY), _groups(_said(ROLES).split(",")), "local")


def _said(key: str) -> str:
    """What stands in a field, or in the address: that has it before the field is drawn, when a page is opened cold."""
    found = st.session_state[key] if key in st.session_state else st.query_params.get(key)
    return str(found or "").strip()


def _groups(given: Any) -> frozenset[str]:
    listed = [given] if isinstance(given, str) else given if isinstance(given, Iterable) else ()
    return frozenset(one.strip() for one in map(str, listed) if one.strip())


def signing() -> bool:
    """Whether reviewers sign in: there is an ``[auth]`` section in the secrets."""
    return hasattr(st.user, "is_logged_in")


def _fresh() -> bool:
    """Whether who signed in did so lately: groups change, and the browser's cookie does not hear of it."""
    since = st.user.to_dict().get("iat")
    hours = float(os.environ.get(HOURS) or 12)
    return bool(st.user.is_logged_in) and (since is None or time.time() - float(str(since)) < hours * 3600)


def admitted() -> bool:
    """Whether the pages may be shown to whoever sits there."""
    if signing():
        return _fresh()
    who = person()
    return who.local or bool(who.name)


def door() -> None:
    """Show the way in to who may not see the pages yet."""
    with st.container(key="door", horizontal_alignment="center"):
        st.title("treadle", anchor=False, text_alignment="center")
        if signing():
            over = st.user.is_logged_in
            st.text("Your sign-in is over: sign in again." if over else "Sign in to see what waits for you.")
            st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
        else:
            st.error("Nobody is named by the proxy in front of this page: open it through the proxy.")


def introduce() -> None:
    """Show who is deciding, on every page; ask for the name where nobody signs in."""
    who = person()
    if not who.local:
        with st.popover(f"**{plain(who.name)}**", icon=":material/person:", type="tertiary"):
            st.text("Decisions are recorded under this name.")
            st.text(f"Roles: {', '.join(sorted(who.roles)) or 'none'}")
            if who.how == "signed in":
                st.button("Sign out", icon=":material/logout:", on_click=st.logout)
        return
    label = f"**{plain(who.name)}** · local mode" if who.name else "**Who are you?** · local mode"
    with st.popover(label, icon=":material/person:", type="tertiary", help="Who decides, and how that is known"):
        _ask()
        st.caption(
            "Local mode: the page answers on this computer only, nobody signs in, and decisions are recorded under the"
            " name and roles that stand here."
        )


def _ask() -> None:
    st.text_input("Your name", key=KEY, bind="query-params", max_chars=80, placeholder="as the record should have it")
    st.text_input(
        "Your roles", key=ROLES, bind="query-params", max_chars=200, placeholder="such as: legal, finance",
        help="Some questions may be decided by certain roles alone. Separate several by commas.",
    )  # fmt: skip


def missing() -> bool:
    """Whether the name is still missing that a decision needs."""
    return not person().name
