"""Moments and spans in words, as a reader wants them."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from treadle.checkpoints.runs import Run

_UNITS = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def span(seconds: float) -> str:
    """A length of time in its largest unit.

    >>> span(7300), span(59), span(86400)
    ('2 hours', 'less than a minute', '1 day')
    """
    for size, unit in _UNITS:
        if seconds >= size:
            return _many(int(seconds // size), unit)
    return "less than a minute"


def exact(seconds: float) -> str:
    """A length of time in full, as a term must be told.

    >>> exact(129600), exact(90), exact(86400 * 45)
    ('1 day 12 hours', '1 minute 30 seconds', '45 days')
    """
    left, parts = round(seconds), []
    for size, unit in (*(one for one in _UNITS if one[0] <= 86400), (1, "second")):
        many, left = divmod(left, size)
        parts += [_many(many, unit)] if many else []
    return " ".join(parts) or "no time"


def _many(many: int, unit: str) -> str:
    return f"{many} {unit}{'' if many == 1 else 's'}"


def brief(seconds: float) -> str:
    """How long a step took.

    >>> brief(0.0421), brief(3.2), brief(125)
    ('42 ms', '3.2 s', '2 min 5 s')
    """
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {round(seconds % 60)} s"


def ago(at: float, *, now: float | None = None) -> str:
    """How long ago a moment (seconds since 1970) was."""
    passed = (time.time() if now is None else now) - at
    return "just now" if passed < 60 else f"{span(passed)} ago"


def left(due: float, *, now: float | None = None) -> str:
    """How far off a due time is.

    >>> left(7200, now=0), left(0, now=7200)
    ('due in 2 hours', 'overdue by 2 hours')
    """
    rest = due - (time.time() if now is None else now)
    return f"due in {span(rest)}" if rest >= 0 else f"overdue by {span(-rest)}"


def stamp(at: float, *, zone: str | None = None) -> str:
    """A moment as date and time, in the named time zone (default: this computer's).

    >>> stamp(0, zone="UTC")
    '1 Jan 1970, 00:00'
    """
    try:
        moment = datetime.fromtimestamp(at, ZoneInfo(zone)) if zone else datetime.fromtimestamp(at, UTC).astimezone()
    except (ValueError, OSError, OverflowError, LookupError):
        return "at an unknown time"
    return f"{moment.day} {moment:%b %Y, %H:%M}"


def gathering(run: Run, *, zone: str | None = None) -> str:
    """Until when a run gathers answers, as a sentence."""
    others = "the other one is" if run.pending == 1 else f"the other {run.pending:,} are"
    quiet = "" if run.quiet_at is None else ", when nobody decides for a while"
    until = stamp(run.gather_until or 0.0, zone=zone).rpartition(", ")[2]
    return f"Recorded. The run goes on when {others} decided{quiet}, or at {until} at the latest."
