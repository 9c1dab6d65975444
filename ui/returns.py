"""The way back to what a link led to: whoever signs in comes out at the first page, whatever page was asked for."""

from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

import streamlit as st

from treadle.ui.people import KEY, ROLES
from treadle.ui.places import go, known
from treadle.ui.scripts import script

COOKIE: Final = "treadle_back"
"""The cookie that holds the page and its query meanwhile: the server forgets the session of who goes to sign in."""

_SECONDS, _LONGEST = 900, 2_000
_DONE: Final = "treadle.returned"
_PAGE: Final = "page"


def remember(page: str) -> None:
    """Keep in the browser which page was asked for, with its query, while its reader signs in.

    The first page (its name in the address is empty) is where they come out anyway: what was asked for before stays.
    """
    if not page:
        return
    query = {key: value for key, value in st.query_params.items() if key not in (KEY, ROLES, _PAGE)}
    wanted = quote(urlencode({_PAGE: page, **query}), safe="")
    _keep(wanted if len(wanted) <= _LONGEST else "", seconds=_SECONDS)


def follow() -> None:
    """Go to the page that was asked for before, once in a session, and forget it."""
    wanted = dict(parse_qsl(unquote(st.context.cookies.get(COOKIE) or "")))
    if not wanted:
        return
    page = wanted.pop(_PAGE, "")
    if st.session_state.setdefault(_DONE, False) or not known(page):
        _keep("", seconds=0)
        return
    st.session_state[_DONE] = True
    go(page, **wanted)


def _keep(value: str, *, seconds: int) -> None:
    script("cookie", f"{COOKIE}={value}; Path=/; Max-Age={seconds}; SameSite=Lax")
