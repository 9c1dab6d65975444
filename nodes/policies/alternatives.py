"""`race`: several steps at the same thing; the first valid answer counts, or the one that enough of them give."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.digests import digest
from treadle.errors import GraphBuildError, OutputInvalid
from treadle.nodes.policies.races import First
from treadle.nodes.steps import Ask, State, Step, Work

Valid = Callable[[Any], bool]


@dataclass(frozen=True)
class Race(Step):
    """Alternatives at one thing. Made by `race`."""

    name: str
    runners: tuple[Step, ...]
    into: str
    valid: Valid | None = None
    agree: int = 1

    @property
    def reads(self) -> tuple[str, ...]:
        """What any of them reads."""
        return tuple(dict.fromkeys(key for one in self.runners for key in one.reads))

    @property
    def writes(self) -> Mapping[str, Any]:
        """The answer."""
        return {self.into: Any}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Start all; return the first value that so many agree on."""
        asks = tuple(Ask(one, state, config) for one in self.runners)
        said: Counter[str] = Counter()

        def enough(update: dict[str, Any]) -> bool:
            value = next(iter(update.values()))
            if self.valid is not None and not self.valid(value):
                return False
            said[digest(value)] += 1
            return said[digest(value)] >= self.agree

        update = yield First(asks, enough)
        if update is None:
            most = max(said.values(), default=0)
            raise OutputInvalid(
                f"race {self.name!r}: of {len(asks)} alternatives at most {most} gave the same valid answer, "
                f"and {self.agree} must"
            )
        return {self.into: next(iter(update.values()))}


def race(*runners: Step, name: str, into: str | None = None, valid: Valid | None = None, agree: int = 1) -> Race:
    """Run steps at once on the same state; the first valid answer counts, and the slower ones are cancelled.

    `valid` says whether an answer will do. With `agree` above 1 the first answer counts that so many of them give,
    which is the most consistent one. The result goes to the key `into` (default: the name).

    Raises:
        GraphBuildError: for fewer than two steps, or fewer than must agree.
    """
    if len(runners) < 2 or not 1 <= agree <= len(runners):
        raise GraphBuildError(f"race {name!r} needs two steps at least, and as many as must agree ({agree})")
    return Race(name, runners, into or name, valid, agree)
