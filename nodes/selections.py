"""Joins that choose or condense: without repeats, ranked, folded, a summary of summaries.

Each leaves failed items out.
"""

import inspect
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import reduce
from typing import Any, Protocol, overload, runtime_checkable

from langchain_core.runnables import RunnableConfig

from treadle.digests import digest
from treadle.errors import GraphBuildError
from treadle.nodes.estimates import tokens as expected
from treadle.nodes.joins import Join
from treadle.nodes.judges import Judge, Ranked
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.steps import Ask, Effect, Step
from treadle.nodes.templates import shown


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
        """Return the value that the reducer makes of the successes."""
        return reduce(self.reducer, values(outcomes), *self.start)


def tree(
    summary: Step, *, key: str = "parts", budget: int = 4000, tokens: Callable[[str], int] | None = None
) -> "Tree":
    """Join texts by summarising them, and the summaries, until one is left.

    `summary` is a step (a prompt) that reads the parts, a text, under `key`. As many parts go together as fit into
    `budget` tokens, two at least; `tokens` counts them (default: a token for four characters).
    """
    if tuple(summary.reads) != (key,):
        raise GraphBuildError(f"summary {summary.name!r} must read {key!r} alone, and reads {', '.join(summary.reads)}")
    return Tree(summary, key, budget, tokens or expected)


@dataclass(frozen=True)
class Tree:
    """See `tree`."""

    summary: Step
    key: str
    budget: int
    tokens: Callable[[str], int]

    def joined(self, outcomes: list[Outcome], config: RunnableConfig) -> Generator[Effect, Any, Any]:
        """Summarise level by level."""
        texts = [shown(value) for value in values(outcomes)]
        while len(texts) > 1:
            level = []
            for group in self._groups(texts):
                if len(group) == 1:
                    level += group
                else:
                    level.append(shown(_first((yield Ask(self.summary, {self.key: "\n\n".join(group)}, config)))))
            texts = level
        return texts[0] if texts else ""

    def _groups(self, texts: Sequence[str]) -> list[list[str]]:
        groups: list[list[str]] = [[]]
        room = self.budget
        for text in texts:
            size = self.tokens(text)
            if len(groups[-1]) >= 2 and size > room:
                groups.append([])
                room = self.budget
            groups[-1].append(text)
            room -= size
        return groups


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


def _first(update: dict[str, Any]) -> Any:
    return next(iter(update.values()))


def _alike(left: str, right: str) -> float:
    return SequenceMatcher(None, left, right, autojunk=False).ratio()
