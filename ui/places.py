"""The pages by name, so that one page can point to another."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from treadle.ui.markups import plain
from treadle.ui.people import KEY, person

_KEY, _OWN = "treadle.places", "treadle.own"


def settle(pages: Mapping[str, Any]) -> None:
    """Say which page each name means, in this session, and what every address says of the reviewer."""
    st.session_state[_KEY] = dict(pages)
    who = person()  # once for all links of a page: finding out reads files
    st.session_state[_OWN] = {KEY: who.name} if who.local and who.name else {}


def known(name: str) -> bool:
    """Whether there is a page of that name."""
    return name in st.session_state[_KEY]


def link(name: str, label: str, *, icon: str | None = None, **query: str | None) -> None:
    """A link to a page; `label` is shown as text, whatever is in it. A real link: it opens in a new tab as well."""
    page = st.session_state[_KEY][name]
    st.page_link(page, label=plain(label) or "(no title)", icon=icon or "", query_params=_query(query))


def go(name: str, **query: str | None) -> None:
    """Leave for a page at once."""
    st.switch_page(st.session_state[_KEY][name], query_params={k: v for k, v in query.items() if v is not None})


def _query(query: Mapping[str, str | None]) -> dict[str, str]:
    """What stands in the address: the reviewer's name goes along, so that a reload of any page still knows it."""
    own: dict[str, str] = st.session_state[_OWN]
    return {key: value for key, value in query.items() if value is not None} | own


def asked(name: str) -> str | None:
    """What the address says of a name: the last value, None if it says nothing."""
    return st.query_params.get(name) or None


def leave(*names: str) -> None:
    """Take names out of the address."""
    for name in names:
        if name in st.query_params:
            del st.query_params[name]
