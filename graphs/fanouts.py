"""`fan_out`: one worker over many items, or many workers over one item, joined in order."""

import operator
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.graph import END, START
from langgraph.types import Send

from treadle.errors import GraphBuildError, InputInvalid, QuorumNotMet
from treadle.graphs.branches import Branch, Task, Worker
from treadle.graphs.chains import Place, pattern_of
from treadle.graphs.patterns import Pattern
from treadle.graphs.reviews import Review
from treadle.nodes.joins import Join, as_list
from treadle.nodes.outcomes import Outcome, ordered
from treadle.nodes.steps import State, Step, Update, Work, lookup

JOIN = "join"
"""The name of the node that joins the branches."""


def fan_out(
    worker: Place | Sequence[Place],
    *,
    over: str | None = None,
    item: str = "item",
    into: str = "results",
    context: Sequence[str] = (),
    limit: int = 16,
    attempts: int = 1,
    need: float | int | None = None,
    within: float | None = None,
    join: Join = as_list,
    name: str | None = None,
) -> Pattern:
    """Run a worker once for every item of the list under `over`, each in a branch of its own, and join the results.

    A worker sees its item under the key `item`, and of the rest of the state only the keys that `context` names.
    Several workers each get every item; without `over`, they all get the same input. Each may be anything that a
    `chain` takes, reviews included: then an item that waits for a person holds only itself.

    `limit` branches work at once. A branch that fails is tried `attempts` times in all and is then recorded as failed,
    without harm to the others; an error that looks like a bug (TypeError and the like) fails the run. `need` is how
    many branches must succeed, as a number or a share; `within` is the time in seconds after which unfinished branches
    are given up. The join gets every outcome in item order; its result goes to `into`, the outcomes to
    ``<into>_outcomes``. An empty list is joined like any other. With treadle's saver a finished item is never run
    again, whatever crashes.

    Raises:
        GraphBuildError: for a worker that reads what it is not given, a limit below one, `within` over a worker that
            waits for a person, or nothing to fan out.
        QuorumNotMet: when the run has fewer successes than `need`, or all of its branches failed.
    """
    label = name or into
    workers = worker if isinstance(worker, list | tuple) else [worker]
    given = [*([item] if over else []), *context]
    built = [_worker(one, label, given if over else None) for one in workers]
    _check(label, built, over=over, limit=limit, attempts=attempts, need=need, within=within)
    reads = list(dict.fromkeys([*([over] if over else [key for one in built for key in one.reads]), *context]))
    outcomes = f"{into}_outcomes"
    keys = {**dict.fromkeys(reads, Any), into: Any, outcomes: Annotated[list[Outcome], operator.add]}
    gathered = {into: list[Any] if join is as_list else Any, outcomes: list[Outcome]}
    pattern = Pattern(label, kind="fan-out", reads=reads, writes=gathered, output=into, keys=keys)
    for one in built:
        branch = Branch(one.name, output=one.output, outcomes=outcomes, limit=limit, attempts=attempts)
        pattern.add_node(one.name, node(branch, one.compile(name=one.name)))
        pattern.add_edge(one.name, JOIN)
    pattern.add_node(JOIN, Gather(label, outcomes=outcomes, into=into, join=join, need=need))
    scatter = Scatter(
        label, tuple(one.name for one in built), over, item, tuple(reads if not over else context), within
    )
    pattern.add_conditional_edges(START, scatter, [*scatter.workers, JOIN])
    pattern.add_edge(JOIN, END)
    return pattern


@dataclass(frozen=True)
class Scatter:
    """Sends every item to every worker."""

    name: str
    workers: tuple[str, ...]
    over: str | None
    item: str
    context: tuple[str, ...]
    within: float | None

    def __call__(self, state: State) -> list[Send] | str:
        """Return a `Send` for each item and worker, or the join's name when there is no item."""
        shared = {key: lookup(state, key, step=self.name) for key in self.context}
        inputs = [{**shared, self.item: one} for one in self._items(state)] if self.over else [shared]
        deadline = time.time() + self.within if self.within is not None else None
        sends = [
            Send(worker, Task(index=index, input=given, deadline=deadline))
            for index, given in enumerate(inputs)
            for worker in self.workers
        ]
        return sends or JOIN

    def _items(self, state: State) -> Sequence[Any]:
        items = lookup(state, str(self.over), step=self.name)
        if not isinstance(items, list | tuple):
            raise InputInvalid(
                f"{self.name!r} fans out over {self.over!r}, which must be a list and is {type(items).__name__}"
            )
        return items


@dataclass(frozen=True)
class Gather(Step):
    """Joins the outcomes of all branches, once there are enough."""

    label: str
    outcomes: str
    into: str
    join: Join
    need: float | int | None
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
        """Count, and join."""
        yield from ()
        outcomes = ordered(state.get(self.outcomes) or ())
        self._count(outcomes)
        return {self.into: self.join(outcomes)}

    def _count(self, outcomes: list[Outcome]) -> None:
        lost = [outcome for outcome in outcomes if outcome["status"] != "success"]
        total, good = len(outcomes), len(outcomes) - len(lost)
        least = required(self.need, total)
        if good >= least:
            return
        first = "; ".join(_told(outcome) for outcome in lost[:3])
        raise QuorumNotMet(f"{self.label!r}: {good} of {total} branches succeeded and {least} are needed. {first}")


def required(need: float | int | None, total: int) -> int:
    """Return how many of `total` branches must succeed: a share is rounded up; without `need`, one if there are any.

    >>> required(0.9, 25), required(3, 25), required(None, 25), required(None, 0)
    (23, 3, 1, 0)
    """
    if need is None:
        return min(1, total)
    return -int(-need * total // 1) if isinstance(need, float) else need


def node(branch: Branch, worker: Worker) -> Runnable[Task, Update]:
    """Return a branch as a node. LangGraph finds the worker's graph in the closures, for pictures and for its state."""

    def run(task: Task, config: RunnableConfig) -> Update:
        return branch.run(worker, task, config)

    async def arun(task: Task, config: RunnableConfig) -> Update:
        return await branch.arun(worker, task, config)

    return RunnableLambda(run, afunc=arun, name=branch.name)


def _worker(worker: Place, label: str, given: Sequence[str] | None) -> Pattern:
    """Return a worker as a pattern, checked against what a branch is given (None: whatever it reads)."""
    pattern = pattern_of(worker)
    missing = [key for key in pattern.reads if key not in given] if given is not None else []
    if missing and given is not None:
        raise GraphBuildError(
            f"fan-out {label!r}: its worker {pattern.name!r} reads {missing[0]!r}, and a branch is given only "
            f"{', '.join(given)}; name it in context=({missing[0]!r},), or call the item that with item={missing[0]!r}"
        )
    return pattern


def _check(
    label: str,
    workers: Sequence[Pattern],
    *,
    over: str | None,
    limit: int,
    attempts: int,
    need: float | int | None,
    within: float | None,
) -> None:
    names = [worker.name for worker in workers]
    if not workers:
        raise GraphBuildError(f"fan-out {label!r} has no worker")
    if over is None and len(workers) == 1:
        raise GraphBuildError(f"fan-out {label!r} has one worker and nothing to fan out; name the list with over='key'")
    if len(set(names)) < len(names) or JOIN in names:
        raise GraphBuildError(
            f"fan-out {label!r}: its workers need names of their own, and not {JOIN!r}: {', '.join(names)}"
        )
    if limit < 1 or attempts < 1:
        raise GraphBuildError(f"fan-out {label!r}: limit={limit} and attempts={attempts} must be at least 1")
    if isinstance(need, float) and not 0 <= need <= 1:
        raise GraphBuildError(
            f"fan-out {label!r}: need={need} as a share lies between 0 and 1; a number of branches is an int"
        )
    if within is not None and any(waits(worker) for worker in workers):
        raise GraphBuildError(
            f"fan-out {label!r}: within={within} would give up branches that wait for a person; leave it out"
        )


def waits(pattern: Pattern) -> bool:
    """Whether a pattern, or one inside it, stops for a person."""
    return any(isinstance(spec.runnable, Review) for spec in pattern.nodes.values()) or any(
        isinstance(inner, Pattern) and waits(inner) for inner in map(_inner, pattern.nodes.values())
    )


def _inner(spec: Any) -> Any:
    return getattr(spec.runnable, "builder", None)


def _told(outcome: Outcome) -> str:
    error = outcome.get("error")
    return (
        f"item {outcome['index']}: {error['kind']}: {error['message']}"
        if error
        else f"item {outcome['index']}: no value"
    )
