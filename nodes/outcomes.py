"""What became of one branch of a fan-out, as plain data."""

from collections.abc import Iterable
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

Status = Literal["success", "failure", "cancelled"]


class Failure(TypedDict):
    """Why a branch has no value."""

    kind: str
    """The class of the error."""
    message: str
    """What it said."""


class Outcome(TypedDict):
    """What became of one item at one worker."""

    index: int
    """The place of the item in the list that was fanned out, from 0."""
    worker: str
    """The name of the worker."""
    status: Status
    """`cancelled`: time was up before the branch had an answer."""
    value: NotRequired[Any]
    """The worker's result, for a success."""
    error: NotRequired[Failure]
    """What went wrong, for anything else."""
    attempts: int
    """How often the worker was tried."""
    seconds: float
    """How long the worker was at it, in all attempts."""


def success(index: int, worker: str, value: Any, *, attempts: int, seconds: float) -> Outcome:
    """Return the outcome of a branch that has a value."""
    return Outcome(
        index=index, worker=worker, status="success", value=value, attempts=attempts, seconds=round(seconds, 6)
    )


def failure(
    index: int, worker: str, error: BaseException, *, attempts: int, seconds: float, status: Status = "failure"
) -> Outcome:
    """Return the outcome of a branch that has none, with the error's class and message."""
    told = Failure(kind=type(error).__name__, message=str(error) or repr(error))
    return Outcome(index=index, worker=worker, status=status, error=told, attempts=attempts, seconds=round(seconds, 6))


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
