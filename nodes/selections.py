"""Joins that choose or condense: without repeats, ranked, folded.

Each leaves failed items out.
"""

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import reduce
from typing import Any, Protocol, overload, runtime_checkable

from langchain_core.runnables import RunnableConfig

from treadle.digests import digest
from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes.joins import Join
from treadle.nodes.judges import Judge, Ranked
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.steps import Effect, Step


@runtime_checkable
class Joining(Protocol):
    """A join that calls steps, and so works by effects."""

    def joined(self, outcomes: list[Outcome], config: RunnableConfig) -> Generator[Effect, Any, Any]:
        """Yield effects, return the joined value."""
        ...


def distinct(*, key: Callable[[Any], Any] | None = None, similar: float = 1.0) -> Join:
    """Join into the list of values in item order, each once: of equal ones (or equal by `key`) the first stays.

    With `similar` below 1 texts that are alike to that degree (difflib's ratio) count as equal too.
    """

    def join(outcomes: list[Outcome]) -> list[Any]:
        kept: dict[str, Any] = {}
        for value in values(outcomes):
            sign = value if key is None else key(value)
            text = sign if isinstance(sign, str) else digest(sign)
            if text not in kept and not any(_alike(text, other) >= similar for other in kept if similar < 1):
                kept[text] = value
        return list(kept.values())

    return join


@overload
def rank(score: Step, *, top: int | None = None, key: str = "candidates") -> Ranked: ...
@overload
def rank(score: Callable[[Any], float], *, top: int | None = None) -> Join: ...
def rank(score: Step | Callable[[Any], float], *, top: int | None = None, key: str = "candidates") -> Join | Ranked:
    """Join into the list of values by descending score, equal ones in item order; at most `top` of them.

    `score` is a function of the value, or a judge: a step (a prompt with ``output=list[int]``) that reads all numbered
    candidates, a text, under `key`, and gives their numbers, from 1, the best first. What it does not name comes last.
    """
    if isinstance(score, Step):
        return Ranked(Judge(score, key), top)

    def join(outcomes: list[Outcome]) -> list[Any]:
        return sorted(values(outcomes), key=score, reverse=True)[:top]

    return join


def fold(reducer: Callable[[Any, Any], Any], *start: Any) -> "Fold":
    """Join by a LangGraph reducer (``operator.add``, ``add_messages``), in item order, from `start` on."""
    return Fold(reducer, start)


@dataclass(frozen=True)
class Fold:
    """See `fold`."""

    reducer: Callable[[Any, Any], Any]
    start: tuple[Any, ...] = ()

    def __call__(self, outcomes: list[Outcome]) -> Any:
        """Return the value that the reducer makes of the successes.

        Raises:
            InputInvalid: when there are none, and nothing to start from.
        """
        found = values(outcomes)
        if not found and not self.start:
            name = getattr(self.reducer, "__name__", repr(self.reducer))
            raise InputInvalid(
                f"{name} has nothing to join: none of {len(outcomes)} branches gave a value; say what to start from "
                f"with join=fold({name}, start)"
            )
        return reduce(self.reducer, found, *self.start)


def join_of(join: Any, label: str) -> Join | Joining:
    """Return what was given as a join: a join as it is, a reducer of two values as a fold."""
    if isinstance(join, Joining):
        return join
    if not callable(join):
        raise GraphBuildError(f"fan-out {label!r}: join={join!r} is no join; give a function of the outcomes")
    return fold(join) if _takes_two(join) else join


def _takes_two(join: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(join).parameters.values()
    except (TypeError, ValueError):
        return False
    needed = [p for p in parameters if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(needed) == 2


def _alike(left: str, right: str) -> float:
    return SequenceMatcher(None, left, right, autojunk=False).ratio()
