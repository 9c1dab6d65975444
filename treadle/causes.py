"""What a run's error says to a person."""

import re
from typing import Final

_NOTE: Final = r"\s*During task with name '([^']*)' and id '[^']*'"


def cause(error: str | None) -> str:
    """A run's error with the steps in which it arose, outermost first, in place of LangGraph's notes on them.

    >>> note = "During task with name '{}' and id '1-2'"
    >>> cause(" ".join(["ValueError: no", *map(note.format, ("__work__", "b", "a"))]))
    'ValueError: no (in a, b)'
    """
    steps = [name for name in re.findall(_NOTE, error or "") if not name.startswith("__")]
    return re.sub(_NOTE, "", error or "").strip() + (f" (in {', '.join(reversed(steps))})" if steps else "")
