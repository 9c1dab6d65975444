"""The statuses of runs, in a reader's words."""

from typing import Final

from treadle.checkpoints.runs import Run
from treadle.ui.markups import Markup
from treadle.ui.texts import chip

WORDS: Final[dict[str, tuple[str, str]]] = {
    "running": ("running", "info"),
    "waiting": ("waits for a person", "fair"),
    "decided": ("decided, about to go on", "info"),
    "done": ("done", "good"),
    "failed": ("failed, is tried again", "bad"),
    "stalled": ("stopped in the middle", "bad"),
    "parked": ("failed, waits for help", "bad"),
    "direct": ("started by a program", ""),
}
"""Each status as a reader is told it, and its tint."""

GATHERS: Final = ("gathers answers", "info")
"""The same of a run that has answers, and waits for others."""


def status(found: Run) -> Markup:
    """The status of a run: a word on a tint."""
    word, tone = GATHERS if found.gathers else WORDS.get(found.status, (found.status, ""))
    return chip(word, tone=tone)
