"""Time spans as people write them: ``30m``, ``4h``, ``2d``."""

import re

from treadle.errors import GraphBuildError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def span(text: str | float, *, where: str) -> float:
    """Return a time span in seconds; a text is a number with s, m, h, d or w.

    >>> span("2d", where="example")
    172800.0

    Raises:
        GraphBuildError: for a text that is no such span.
    """
    if isinstance(text, int | float):
        return float(text)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text)
    if match is None:
        raise GraphBuildError(f"{where!r}: {text!r} is no time span; write such as '30m', '4h' or '2d'")
    return float(match[1]) * _SECONDS[match[2]]
