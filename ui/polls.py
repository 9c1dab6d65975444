"""What the page asks again and again while it stands open: worked out anew only where that can give something else."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import streamlit as st

from treadle.checkpoints.savers import SqliteSaver

T = TypeVar("T")

LONGEST: Final = 30.0
"""Seconds after which it is asked again though nothing was stored meanwhile: things fall due as time goes by."""

DEAR: Final = 0.05
"""Seconds from which on it is not asked at every change: a search through a million questions takes longer."""

SHARE: Final = 0.05
"""Of the time that such a thing may take, whatever changes meanwhile."""


@dataclass(frozen=True)
class _Answer:
    of: Hashable
    value: Any
    stamp: int
    """What the database said of its changes."""
    rests: float
    """Until when it is not asked again, whatever was stored."""
    ends: float


def polled(saver: SqliteSaver, name: str, of: Hashable, work: Callable[[], T]) -> T:
    """What `work` gives, or gave a moment ago in this session for the same `of` if nothing was stored since."""
    key, stamp, now = f"treadle.polled.{name}", saver.database.changes(), time.monotonic()
    kept = st.session_state.get(key)
    if isinstance(kept, _Answer) and kept.of == of and (now < kept.rests or (kept.stamp == stamp and now < kept.ends)):
        value: T = kept.value
        return value
    value = work()
    over = time.monotonic()
    rests = over + (over - now) / SHARE if over - now > DEAR else 0.0
    st.session_state[key] = _Answer(of, value, stamp, rests, over + LONGEST)
    return value
