"""The manner of a fan-out, looked at when it is built: what could not be meant, or not work, is refused in words."""

from collections.abc import Iterable
from typing import Any

from treadle.errors import GraphBuildError
from treadle.graphs.scatters.gathers import JOIN
from treadle.graphs.scatters.staffs import Staff
from treadle.nodes.policies.batches import Batch
from treadle.nodes.policies.hedges import Hedge

Wrong = Iterable[tuple[bool, str]]
"""What may be wrong, and what to say then."""


def sensible(
    label: str, *, over: Any, key: Any, need: Any, on_error: Any, limit: Any, batch: Any, hedge: Any, **several: Any
) -> None:
    """Refuse arguments that mean nothing; `several` are those that must be lists."""
    share = isinstance(on_error, int | float) and 0 <= on_error <= 1
    number = need is None or (isinstance(need, int | float) and need >= 0)
    wrong: Wrong = (
        (
            over is not None and not (isinstance(over, str) or callable(over)),
            f"over= is the key that the state has a list under, or a function that makes items, and no "
            f"{type(over).__name__}",
        ),
        (over is None and key is not None, "key= names the items of a list; name the list with over='key'"),
        (not number, f"need={need!r} is neither a number of branches nor a share, such as 0.8, of them"),
        (
            isinstance(need, float) and need > 1,
            f"need={need} as a share lies between 0 and 1; a number of branches is an int",
        ),
        (
            on_error not in ("keep", "raise") and not share,
            f"on_error={on_error!r} is neither 'keep' nor 'raise', nor a share of failures between 0 and 1",
        ),
        (not isinstance(limit, int) or limit < 1, f"limit={limit!r} must be a whole number, and at least 1"),
        (batch is not None and not isinstance(batch, Batch), f"batch={batch!r} is no Batch; say Batch(number)"),
        (hedge is not None and not isinstance(hedge, Hedge), f"hedge={hedge!r} is no Hedge; say Hedge()"),
        *(
            (not isinstance(given, list | tuple), f"{name}= is a list of them; say {name}=[...]")
            for name, given in several.items()
        ),
    )
    _refuse(label, wrong)


def fitting(
    staff: Staff, *, over: object, leaves: bool, pausing: bool, lanes: bool, withdraw: bool, need: Any, timeout: Any
) -> None:
    """Refuse workers that what is asked for does not go with."""
    names = staff.names
    wrong: Wrong = (
        (not names, "it has no worker"),
        (
            over is None and len(names) == 1,
            "it has one worker and nothing to fan out; name the list with over='key'",
        ),
        (
            len(set(names)) < len(names) or JOIN in names,
            f"its workers need names of their own, and not {JOIN!r}: {', '.join(names)}",
        ),
        (
            withdraw and not need,
            "withdraw= takes questions back once enough have succeeded; say how many with need=",
        ),
        (
            timeout is not None and (timeout <= 0 or pausing),
            f"timeout={timeout} is for calls that ask no person, and above 0; where a worker asks, within= limits the "
            "machine's time",
        ),
        (
            lanes and not leaves,
            "lanes are for workers that are one step and ask nobody; a graph, and what asks somebody in a lane, needs "
            "a branch for each item: leave lanes= out",
        ),
    )
    _refuse(staff.label, wrong)


def _refuse(label: str, wrong: Wrong) -> None:
    if told := next((told for found, told in wrong if found), None):
        raise GraphBuildError(f"fan-out {label!r}: {told}")
