"""How far the fan-outs of a run are, while it runs."""

import time
from typing import Any, Final, cast

import streamlit as st

from treadle.checkpoints.layouts.news import news
from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs.scatters.paces import News, words
from treadle.ui.markups import plain
from treadle.ui.times import ago

STALE: Final = 15
"""Seconds without news after which it is said how old they are."""


def under_way(saver: SqliteSaver, thread_id: str) -> None:
    """Draw a bar for each fan-out that has not ended."""
    for one in news(saver, thread_id):
        ended = one["done"] + one["failed"] + one["cancelled"]
        if ended < one["total"]:
            st.progress(ended / one["total"], text=plain(_told(one, ended)))


def _told(one: dict[str, Any], ended: int) -> str:
    age = f" (told {ago(one['at'])})" if time.time() - one["at"] > STALE else ""
    return f"{one['name']}: {ended:,} of {one['total']:,}; {words([cast(News, one)])}{age}"
