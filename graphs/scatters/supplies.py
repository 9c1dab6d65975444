"""Fan-outs over items that are taken as they are needed: a million of them never stand in memory at once."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from treadle.errors import GraphBuildError, InputInvalid
from treadle.graphs.scatters.fans import WORK, Fan
from treadle.graphs.scatters.shards import Graph
from treadle.nodes.functions import Function
from treadle.nodes.joins import Join, as_list
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.selections import Fold, Joining
from treadle.nodes.steps import Block, State, Update, Work, adrive, drive, lookup

PART = 1024
"""Items that are taken at a time."""

KEPT = 1000
"""Outcomes of failed items that are kept."""


@dataclass
class Sum:
    """What a join makes of outcomes that come part by part, without keeping them where the join allows it."""

    join: Join
    kept: list[Any] = field(default_factory=list)
    """Values for a list, the value so far for a fold, outcomes for any other join."""
    lost: list[Outcome] = field(default_factory=list)

    def add(self, outcomes: list[Outcome]) -> None:
        """Take a part in, in item order."""
        if self.join is as_list:
            self.kept += values(outcomes)
        elif not isinstance(self.join, Fold):
            self.kept += outcomes
        elif values(outcomes):
            so_far = self.kept or self.join.start
            self.kept = [Fold(self.join.reducer, tuple(so_far))(outcomes)]
        self.lost += [one for one in outcomes if one["status"] != "success"][: KEPT - len(self.lost)]

    @property
    def value(self) -> Any:
        """The joined value."""
        if self.join is as_list:
            return self.kept
        if isinstance(self.join, Fold) and self.kept:
            return self.kept[0]
        return self.join(self.kept)


@dataclass(frozen=True)
class Supply:
    """The node of a fan-out whose items a function supplies."""

    fan: Fan
    source: Function
    into: str
    join: Join

    def work(self, state: State, config: RunnableConfig, durable: Graph, light: Graph) -> Work:
        """Take items part by part, run them, and keep what the join makes of them.

        A part with an item that waits for a person ends the run for now: so no more than a part's questions stand at
        once. When it goes on, the parts before are recalled, from their checkpoints or the journal.
        """
        fan, pace, whole = self.fan, self.fan.pace(config), Sum(self.join)
        fan.undercut(config)
        quorum = yield Block(lambda: fan.quorum(None, config))
        items = yield Block(lambda: self._items(state))
        numbered = enumerate(items)
        while part := (yield Block(lambda: dict(islice(numbered, PART)))):
            first = next(iter(part))
            context = fan.shared(state, () if first else list(part.values()))
            quorum.total += len(part) * len(fan.workers)
            crew = yield Block(
                lambda: fan.opened(part, context, config, quorum=quorum, pace=pace, part=f"/{first}")  # noqa: B023
            )
            whole.add((yield from fan.ran(crew, light if fan.leaves else durable, config, kept=not fan.leaves)))
            if crew.tally.stop.reason is not None or quorum.enough:
                break
        quorum.open = False
        fan.check(quorum, whole.lost)
        return {self.into: whole.value, fan.outcomes: whole.lost}

    def _items(self, state: State) -> Iterator[Any]:
        given = {key: lookup(state, key, step=self.fan.name) for key in self.source.reads}
        given |= {key: state[key] for key in self.source.optional if key in state}
        items = self.source.function(**given)
        try:
            return iter(items)
        except TypeError:
            raise InputInvalid(
                f"{self.fan.name!r}: over= must make something to go through, and made {type(items).__name__}"
            ) from None


def supplying(supply: Supply, durable: Graph, light: Graph) -> Runnable[State, Update]:
    """Return the node. LangGraph finds the durable graph in the closures, for pictures and for its state."""

    def run(state: State, config: RunnableConfig) -> Update:
        return drive(supply.work(state, config, durable, light))

    async def arun(state: State, config: RunnableConfig) -> Update:
        return await adrive(supply.work(state, config, durable, light))

    return RunnableLambda(run, afunc=arun, name=WORK)


def suits(fan: Fan, source: Function, join: Join | Joining) -> Join:
    """See that a fan-out can work on items that it does not know beforehand; returns its join.

    Raises:
        GraphBuildError: for what needs all of them.
    """
    wrong: Sequence[tuple[bool, str]] = (
        (fan.key is not None, "key= compares the items of a list"),
        (fan.progressive is not None, "progressive= joins what is not kept"),
        (isinstance(join, Joining), "its join= needs all outcomes at once"),
        (_awaited(source.function), "over= must be a plain function or generator, which gets a thread"),
    )
    if told := next((told for found, told in wrong if found), None):
        raise GraphBuildError(f"fan-out {fan.name!r} takes its items from a function: {told}")
    assert not isinstance(join, Joining)
    return join


def _awaited(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
