"""The app that Streamlit runs: the pages, and what stands around each of them."""

import sys
from pathlib import Path

import streamlit as st

from treadle.errors import StoreError, TreadleError
from treadle.ui import themes
from treadle.ui.markups import plain, put, tag
from treadle.ui.parts.claims import let_go
from treadle.ui.people import admitted, door, introduce, signing
from treadle.ui.places import asked, settle
from treadle.ui.returns import follow, remember
from treadle.ui.screens import audit, bulk, graphs, inbox, insights, reviewing, runs
from treadle.ui.stores import path, store
from treadle.ui.workers import work

PAGES = {
    "inbox": (inbox.page, "Inbox", ":material/inbox:"),
    "review": (reviewing.page, "Review", ":material/rate_review:"),
    "bulk": (bulk.page, "Bulk", ":material/done_all:"),
    "runs": (runs.page, "Runs", ":material/timeline:"),
    "graphs": (graphs.page, "Graphs", ":material/account_tree:"),
    "insights": (insights.page, "Insights", ":material/insights:"),
    "audit": (audit.page, "Audit", ":material/verified_user:"),
}


def main(first: str = "inbox") -> None:
    """Show the page that the address names, or `first`."""
    st.set_page_config(page_title="treadle", page_icon=str(themes.ICON), layout="wide")
    st.html(themes.SHEET)
    pages = {
        name: st.Page(page, title=title, icon=icon, url_path=name, default=name == first)
        for name, (page, title, icon) in PAGES.items()
    }
    settle(pages)
    inside = admitted()
    chosen = st.navigation(list(pages.values()), position="top" if inside else "hidden")
    st.logo(str(themes.ICON), size="medium")
    if not inside:
        door()
        if signing():
            remember(chosen.url_path)
        return
    if signing():
        follow()
    with st.container(horizontal=True, horizontal_alignment="right", key="who"):
        introduce()
    try:
        work(store())
        let_go(store(), keep=asked("id") if chosen.url_path == "review" else None)
        chosen.run()
    except StoreError as error:
        _trouble("The database cannot be used", f"{error}", f"The page shows {path()}.")
    except TreadleError as error:
        _trouble("This cannot be shown", str(error))


def _trouble(title: str, *lines: str) -> None:
    put(tag("h2", title, kind="title"))
    st.error(plain(lines[0]), icon=":material/error:")
    for line in lines[1:]:
        put(tag("p", line, kind="faint small"))


def _alone() -> None:
    """Take the app's folder, which Streamlit puts first on the path, off it: its names are no top-level modules."""
    here = str(Path(__file__).parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]


if __name__ == "__main__":
    _alone()
    main()
