"""How things are printed: tables and text on a terminal, plain lines where it is piped, JSON for scripts."""

import dataclasses
import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from treadle.checkpoints.runs import Run

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
STYLES = {
    "high": "bold red", "medium": "yellow", "low": "green", "done": "green", "waiting": "yellow", "failed": "bold red",
    "parked": "bold red", "stalled": "red", "pending": "yellow", "ok": "green", "wrong": "bold red", "note": "yellow",
}  # fmt: skip
"""Colours of the words that say how things stand."""


@cache
def console() -> Console:
    """Where results go; a pipe is never too narrow."""
    piped = not sys.stdout.isatty()
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=piped, width=10_000 if piped else None)


def say(text: str = "", *, style: str | None = None) -> None:
    """Print a text as it is, in a style where there is a terminal."""
    console().print(Text(clean(text)), style=style)


def told(text: str) -> None:
    """Print what is no result, such as what to do next: on the error stream where results are piped."""
    if sys.stdout.isatty():
        console().print(Text(clean(text)), style="dim")
    else:
        print(clean(text), file=sys.stderr, flush=True)


def clean(text: Any) -> str:
    """A value as text without characters that steer a terminal: documents and models must not.

    >>> clean("a\\x1b[31mb")
    'a[31mb'
    """
    return _CONTROLS.sub("", str(text))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str | None = None) -> None:
    """Print rows: a table on a terminal, aligned columns without lines or cuts where it is piped."""
    cells = [["" if cell is None else clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(columns, cells, title)
    else:
        _aligned([list(columns), *cells])


def _drawn(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str | None) -> None:
    drawn = Table(
        title=title, title_justify="left", header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0)
    )
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in cells:
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console().print(drawn)


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    flat = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in flat) for column in range(len(flat[0]))]
    for row in flat:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def as_json(value: Any) -> None:
    """Print a value as JSON; dataclasses become objects, times stay seconds since 1970."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    dump = getattr(value, "model_dump", None)
    return dump(mode="json") if callable(dump) else str(value)


def when(moment: float | None) -> str:
    """A time in the reader's time zone, to the second."""
    return "" if moment is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))


def age(moment: float, now: float) -> str:
    """How long ago, in the largest unit that fits.

    >>> age(0, 90), age(0, 7300), age(5, 0)
    ('1 min', '2 h', '0 s')
    """
    seconds = max(0, int(now - moment))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def many(count: int, noun: str) -> str:
    """A count with its noun.

    >>> many(1, "review"), many(3, "review")
    ('1 review', '3 reviews')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def gathering(run: "Run") -> str:
    """Until when a run gathers answers, as a sentence."""
    others = f"the other {many(run.pending, 'review')} of it {'is' if run.pending == 1 else 'are'} decided"
    quiet = "" if run.quiet_at is None else f", when nobody decides until {when(run.quiet_at)[-8:]}"
    return f"A worker takes the run on when {others}{quiet}, or at {when(run.gather_until)[-8:]} at the latest."
