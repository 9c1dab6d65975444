"""Joins that ask a judge, such as a prompt: the best of the candidates, or all of them in order.

Failed items are left out.
"""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.steps import Ask, Effect, Step
from treadle.nodes.templates import shown


@dataclass(frozen=True)
class Judge:
    """A step that reads numbered candidates, a text, under `key`, and gives numbers, from 1."""

    step: Step
    key: str = "candidates"

    def __post_init__(self) -> None:
        """Refuse a step that would need more than the candidates."""
        if tuple(self.step.reads) != (self.key,):
            raise GraphBuildError(
                f"judge {self.step.name!r} must read {self.key!r} alone, and reads {', '.join(self.step.reads)}"
            )

    def numbers(self, candidates: Sequence[Any], config: RunnableConfig) -> Generator[Effect, Any, list[int]]:
        """Ask; returns the places of the candidates that the judge names, from 0, each once at most."""
        text = "\n\n".join(f"[{number}]\n{shown(value)}" for number, value in enumerate(candidates, 1))
        said = next(iter((yield Ask(self.step, {self.key: text}, config)).values()))
        numbers = [int(number) for number in re.findall(r"(?<![\w.])-?\d+", str(said))]
        wrong = [number for number in numbers if not 1 <= number <= len(candidates)]
        if wrong or not numbers:
            told = f"{wrong[0]} is" if wrong else "there is"
            raise InputInvalid(
                f"judge {self.step.name!r} said {said!r}, and {told} no number from 1 to {len(candidates)}"
            )
        return [number - 1 for number in dict.fromkeys(numbers)]


def best_of(judge: Step, *, key: str = "candidates") -> "Best":
    """Join into the value that a judge prefers.

    The judge is a step (a prompt with ``output=int``) that reads the numbered candidates, a text, under `key`, and
    gives the number of the best, from 1.
    """
    return Best(Judge(judge, key))


@dataclass(frozen=True)
class Best:
    """See `best_of`."""

    judge: Judge

    def joined(self, outcomes: list[Outcome], config: RunnableConfig) -> Generator[Effect, Any, Any]:
        """Ask the judge; a single candidate needs none."""
        found = values(outcomes)
        if not found:
            raise InputInvalid(
                f"judge {self.judge.step.name!r}: none of {len(outcomes)} branches gave a candidate to choose from"
            )
        return found[0] if len(found) == 1 else found[(yield from self.judge.numbers(found, config))[0]]


@dataclass(frozen=True)
class Ranked:
    """A ranking by a judge; made by `treadle.nodes.rank`."""

    judge: Judge
    top: int | None = None

    def joined(self, outcomes: list[Outcome], config: RunnableConfig) -> Generator[Effect, Any, list[Any]]:
        """Ask the judge, who is not needed for one; what the judge does not name comes last, in item order."""
        found = values(outcomes)
        named = (yield from self.judge.numbers(found, config)) if len(found) > 1 else []
        order = dict.fromkeys([*named, *range(len(found))])
        return [found[place] for place in order][: self.top]
