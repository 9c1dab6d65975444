"""Limits shared by everything in the process that uses one resource: calls at once, requests and tokens a minute.

A limit adapts to what comes back. Calls at once begin with a few and double a round trip up to what is allowed (slow
start); the pace gives way when the resource refuses calls for being asked too often, and creeps up again (`Pace`);
a ``Retry-After`` holds everybody back, and starts slowly again.
"""

import threading
from typing import Any

from treadle.errors import GraphBuildError
from treadle.nodes.limits.limiters import Limit, Permit, State
from treadle.nodes.limits.passes import Passed

__all__ = ["Limit", "Passed", "Permit", "State", "limit", "states"]

_limits: dict[str, Limit] = {}
_stated: dict[str, dict[str, Any]] = {}
_mutex = threading.Lock()


def limit(
    name: str,
    *,
    concurrency: int | None = None,
    requests: float | None = None,
    tokens: float | None = None,
    adaptive: bool = True,
) -> Limit:
    """Return the process's limit on a resource, made by the first call; the name says which resource.

    `concurrency` is the most calls at once (64 where nothing is said), `requests` and `tokens` are per minute, spread
    evenly. With `adaptive` it follows what the resource puts up with. What is not said is as the others who share it
    say.

    Raises:
        GraphBuildError: for a number below one, or another value than the limit of that name has.
    """
    said = {"concurrency": concurrency, "requests": requests, "tokens": tokens}
    told = {what: value for what, value in said.items() if value is not None}
    if any(value <= 0 for value in told.values()):
        raise GraphBuildError(f"limit {name!r}: concurrency, requests and tokens a minute are above 0")
    with _mutex:
        had = _stated.get(name)
        if had is None:
            _limits[name], _stated[name] = Limit(name, adaptive=adaptive, **told), told  # type: ignore[arg-type]
        elif unlike := next((what for what, value in told.items() if had.get(what, value) != value), None):
            raise GraphBuildError(
                f"limit {name!r} has {unlike}={had[unlike]} already, not {told[unlike]}; "
                "say the same wherever it is used, or say it in one place only"
            )
        else:
            _limits[name].say(**{what: value for what, value in told.items() if what not in had})  # type: ignore[arg-type]
            had |= told
        return _limits[name]


def states() -> list[State]:
    """What every limit of the process looks like now."""
    return [one.state for one in list(_limits.values())]
