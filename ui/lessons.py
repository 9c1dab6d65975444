"""What decisions teach, worked out beside the pages: for all who look at once, one part after the other, and kept.

A million decisions take seconds of processor. So no page waits for them: it shows what is known, and looks again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from logging import getLogger
from typing import Any, Final, NamedTuple

from treadle.checkpoints import insights
from treadle.checkpoints.desks.chains import last
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import TreadleError

SHARE: Final = 0.05
"""Of the time that a part may take: what took 10 seconds is good for 200, whatever is decided meanwhile."""

OLDEST: Final = 3600.0
"""Seconds after which it is worked out again though nothing was decided: the last week has moved on."""

MOST: Final = 200
"""Parts that are kept, of all choices of all readers."""

PARTS: Final[Mapping[str, Callable[..., Any]]] = {
    "overturns": insights.overturns,
    "edits": insights.edits,
    "said": insights.said,
    "agreement": insights.agreement,
    "paces": insights.paces,
}


class Choice(NamedTuple):
    """The decisions that a reader wants to learn from."""

    graph: str | None = None
    gate: str | None = None
    days: int | None = None
    """How far back; None is all time."""


@dataclass(frozen=True)
class Lesson:
    """One part, as it was at a moment."""

    value: Any
    """None where it cannot be told."""
    problem: str | None
    """Why not, in words."""
    at: float
    good: float
    """Until when it is not worked out again, whatever is decided meanwhile."""
    end: object
    """The last on record that it knows of."""


Key = tuple[str, str, Choice, float | None]

_kept: dict[Key, Lesson] = {}
_begun: dict[Key, "Future[None]"] = {}
_mutex = threading.Lock()
_desk = ThreadPoolExecutor(1, thread_name_prefix="treadle-insights")


def lessons(
    saver: SqliteSaver, choice: Choice, *, catch: float, patience: float = 0.0
) -> tuple[Mapping[str, Lesson], bool]:
    """The parts that are known, by name, and whether any is being worked out, after at most `patience` seconds."""
    end = saver.database.read(_end)
    keys = {name: (str(saver.path), name, choice, catch if name == "overturns" else None) for name in PARTS}
    with _mutex:
        begun = [_begin(saver, key, end) for key in keys.values()]
    wait([one for one in begun if one is not None], timeout=patience)
    with _mutex:
        known = {name: _kept[key] for name, key in keys.items() if key in _kept}
        return known, any(key in _begun for key in keys.values())


def _end(connection: sqlite3.Connection) -> object:
    """What is the last on record: of decisions, and of what was done to them since."""
    return last(connection, "decisions"), last(connection, "events")


def _begin(saver: SqliteSaver, key: Key, end: object) -> "Future[None] | None":
    """Have a part worked out, unless it is good still, or somebody waits for it already."""
    kept, now = _kept.get(key), time.time()
    if kept is not None and (now < kept.good or (kept.end == end and now < kept.at + OLDEST)):
        return None
    if key not in _begun:
        _begun[key] = _desk.submit(_work, saver, key, end)
    return _begun[key]


def _work(saver: SqliteSaver, key: Key, end: object) -> None:
    began, value, problem = time.time(), None, None
    try:
        value = _told(saver, key, began)
    except TreadleError as error:
        problem = str(error)
    except Exception:
        getLogger(__name__).exception("What decisions teach could not be worked out: %s", key[1])
        problem = "This could not be worked out; the log of the page says why."
    over = time.time()
    with _mutex:
        _begun.pop(key, None)
        _kept[key] = Lesson(value, problem, began, over + (over - began) / SHARE, end)
        while len(_kept) > MOST:
            del _kept[next(iter(_kept))]


def _told(saver: SqliteSaver, key: Key, now: float) -> Any:
    _, name, choice, catch = key
    since = now - choice.days * 86_400 if choice.days else 0.0
    manner: dict[str, Any] = {} if catch is None else {"catch": catch}
    return PARTS[name](saver, graph=choice.graph, gate=choice.gate, since=since, **manner)
