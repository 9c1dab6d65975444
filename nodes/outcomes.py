"""What became of one branch of a fan-out, as plain data."""

import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

Status = Literal["success", "failure", "cancelled"]


class Failure(TypedDict):
    """Why a branch has no value."""

    kind: str
    """The class of the error."""
    message: str
    """What it said."""
    digest: str
    """Eight hex digits that are equal for errors of one class raised at one place in the code."""


class Outcome(TypedDict):
    """What became of one item at one worker."""

    index: int
    """The place of the item in the list that was fanned out, from 0."""
    item: NotRequired[str]
    """What the item is called, where the fan-out's `key` says so."""
    worker: str
    """The name of the worker."""
    by: NotRequired[str]
    """The name of the fallback that answered in its place, if one did."""
    status: Status
    """`cancelled`: enough others had succeeded, or time was up, before the branch had an answer."""
    value: NotRequired[Any]
    """The worker's result, for a success."""
    error: NotRequired[Failure]
    """What went wrong, for anything else."""
    attempts: int
    """How often the worker was tried."""
    seconds: float
    """How long the worker was at it, in all attempts."""
    waited: float
    """How long the item waited for its turn, for a limit, or for another attempt, in seconds."""
    hedged: NotRequired[bool]
    """Whether a second call was started beside a slow first one."""
    cached: NotRequired[bool]
    """Whether the value is an equal item's."""
    key: NotRequired[str]
    """The idempotency key that the worker was given, where it reads one."""


@dataclass(slots=True)
class Effort:
    """What a branch has spent so far."""

    attempts: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    hedged: bool = False
    by: str | None = None
    key: str | None = None
    since: float | None = None
    """When the call under way began, by the monotonic clock."""


def success(index: int, worker: str, value: Any, effort: Effort | None = None) -> Outcome:
    """Return the outcome of a branch that has a value."""
    return _outcome(index, worker, "success", effort, value=value)


def failure(
    index: int, worker: str, error: BaseException, effort: Effort | None = None, *, status: Status = "failure"
) -> Outcome:
    """Return the outcome of a branch that has none, with the error's class, message and digest."""
    return _outcome(index, worker, status, effort, error=told(error))


def told(error: BaseException) -> Failure:
    """Return an error as plain data."""
    return Failure(kind=type(error).__name__, message=str(error) or repr(error), digest=_digest(error))


def reasons(outcomes: Iterable[Outcome]) -> str:
    """Say in words why branches have no value."""
    return "; ".join(
        f"item {outcome.get('item', outcome['index'])}: {error['kind']}: {error['message']}"
        if (error := outcome.get("error"))
        else f"item {outcome.get('item', outcome['index'])}: no value"
        for outcome in outcomes
    )


def _outcome(index: int, worker: str, status: Status, effort: Effort | None, **what: Any) -> Outcome:
    spent = effort or Effort(attempts=1)
    outcome: Any = {"index": index, "worker": worker, "status": status, **what, "attempts": spent.attempts}
    under_way = 0 if spent.since is None else time.monotonic() - spent.since
    outcome["seconds"] = round(spent.seconds + under_way, 6)
    outcome["waited"] = round(spent.waited, 6)
    for name in ("hedged", "by", "key"):
        if getattr(spent, name):
            outcome[name] = getattr(spent, name)
    return cast(Outcome, outcome)


def _digest(error: BaseException) -> str:
    """Of the class and the places that it went through; not of the message, which often names the item."""
    frames = list(traceback.walk_tb(error.__traceback__))[-8:]
    codes = [(frame.f_code, line) for frame, line in frames]
    places = "".join(f"{code.co_filename}:{code.co_name}:{line}\n" for code, line in codes)
    return sha256(f"{type(error).__name__}\n{places}".encode()).hexdigest()[:8]


def ordered(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return outcomes in the order of the items, then of the workers' names, each branch once."""
    return [
        outcome for _, outcome in sorted({(one["index"], one["worker"]): one for one in outcomes}.items(), key=_place)
    ]


def values(outcomes: Iterable[Outcome]) -> list[Any]:
    """Return the values of the successes, in the order given."""
    return [outcome["value"] for outcome in outcomes if outcome["status"] == "success"]


def _place(entry: tuple[tuple[int, str], Outcome]) -> tuple[int, str]:
    return entry[0]
