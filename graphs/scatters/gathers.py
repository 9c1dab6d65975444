"""The fan-in: how outcomes become one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.nodes.joins import Join
from treadle.nodes.outcomes import ordered
from treadle.nodes.selections import Joining
from treadle.nodes.steps import State, Step, Work

JOIN = "join"
"""The name of the node that joins the branches."""


@dataclass(frozen=True)
class Gather(Step):
    """Joins the outcomes of all branches."""

    outcomes: str
    into: str
    join: Join | Joining
    name: str = JOIN
    kind: str = "join"

    @property
    def reads(self) -> tuple[str, ...]:
        """The outcomes."""
        return (self.outcomes,)

    @property
    def writes(self) -> Mapping[str, Any]:
        """The joined value."""
        return {self.into: Any}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Join."""
        outcomes = ordered(state.get(self.outcomes) or ())
        if isinstance(self.join, Joining):
            return {self.into: (yield from self.join.joined(outcomes, config))}
        return {self.into: self.join(outcomes)}
