"""Sums: what a join makes of outcomes that come part by part, keeping no more of them than it needs."""

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.nodes.joins import Join, as_list
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.selections import Fold, Joining
from treadle.nodes.steps import Effect
from treadle.nodes.trees import Levels, Tree


@dataclass
class Sum:
    """A join under way; parts come in item order."""

    join: Join | Joining
    config: RunnableConfig
    kept: list[Any] = field(default_factory=list)
    """Values for a list, the value so far for a reducer, nothing for a tree, outcomes for any other join."""
    levels: Levels | None = None

    def __post_init__(self) -> None:
        """Begin a tree, if it is one."""
        if isinstance(self.join, Tree):
            self.levels = Levels(self.join, self.config)

    def add(self, outcomes: list[Outcome]) -> Generator[Effect, Any, None]:
        """Take a part in."""
        if self.levels is not None:
            yield from self.levels.add(outcomes)
        elif self.join is as_list:
            self.kept += values(outcomes)
        elif not isinstance(self.join, Fold):
            self.kept += outcomes
        elif values(outcomes):
            self.kept = [self._folded(self.join, outcomes)]

    def so_far(self, outcomes: list[Outcome]) -> Any:
        """The value of a join that asks nobody, as if these were all that came after the parts."""
        assert not isinstance(self.join, Joining)
        if self.join is as_list:
            return [*self.kept, *values(outcomes)]
        if isinstance(self.join, Fold):
            return self._folded(self.join, outcomes)
        return self.join([*self.kept, *outcomes])

    def value(self) -> Generator[Effect, Any, Any]:
        """The joined value; there are no more parts."""
        if self.levels is not None:
            return (yield from self.levels.top())
        if isinstance(self.join, Joining):
            return (yield from self.join.joined(self.kept, self.config))
        return self.so_far([])

    def _folded(self, join: Fold, outcomes: list[Outcome]) -> Any:
        return replace(join, start=tuple(self.kept or join.start))(outcomes)
