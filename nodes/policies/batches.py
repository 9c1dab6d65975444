"""Batches: items that share one call, for a worker that takes a list and gives a list."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.errors import GraphBuildError, OutputInvalid
from treadle.nodes.outcomes import Outcome, failure, success
from treadle.nodes.policies.faults import throttled
from treadle.nodes.policies.identities import KEY, KnownAs, idempotency_key, identity
from treadle.nodes.policies.retries import BUGS
from treadle.nodes.steps import Ask, Effect, State, Step, Work


@dataclass(frozen=True)
class Batch:
    """At most `number` items a call, together no heavier than `most`; `weight` says how heavy an item is.

    Without `most` the items are spread over as few calls as `number` asks for, so that these are about equally heavy.
    """

    number: int
    weight: Callable[[Any], float] = lambda _: 1.0
    most: float | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that could not work."""
        if self.number < 1 or (self.most is not None and self.most <= 0):
            raise GraphBuildError(f"a batch holds an item and some weight: number={self.number}, most={self.most}")

    def groups(self, items: Sequence[Any]) -> list[list[int]]:
        """Return the places of the items, group by group: the heaviest item first, into the lightest group with room.

        That is longest processing time first, which keeps the heaviest group within a third of the best there is.
        Groups come with the heaviest first; an item heavier than `most` stands alone.
        """
        weights = [self.weight(item) for item in items]
        groups: list[list[int]] = [[] for _ in range(-(-len(items) // self.number))]
        loads = [0.0] * len(groups)
        for index in sorted(range(len(items)), key=lambda one: -weights[one]):
            fitting = [g for g, load in enumerate(loads) if self._room(groups[g], load, weights[index])]
            place = min(fitting, key=loads.__getitem__, default=None)
            if place is None:
                groups.append([])
                loads.append(0.0)
                place = len(groups) - 1
            groups[place].append(index)
            loads[place] += weights[index]
        order = sorted(range(len(groups)), key=lambda one: -loads[one])
        return [sorted(groups[place]) for place in order]

    def _room(self, group: list[int], load: float, weight: float) -> bool:
        return not group or (len(group) < self.number and (self.most is None or load + weight <= self.most))


@dataclass(frozen=True)
class Batched(Step):
    """A worker that takes lists, as a step of a branch: a call that fails is split, to find the item that it fails on.

    Its value is a list with an outcome for each item, or the error of the one item that was all there is.
    """

    worker: Step
    item: str
    output: str

    @property
    def name(self) -> str:  # type: ignore[override]
        """The worker's name."""
        return self.worker.name

    @property
    def reads(self) -> tuple[str, ...]:
        """What the worker reads."""
        return self.worker.reads

    @property
    def writes(self) -> Mapping[str, Any]:
        """The outcomes."""
        return {self.output: list[Outcome]}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Call the worker with all items, or with as many as it can take."""
        return {self.output: (yield from self._outcomes(state, state[self.item], config))}

    def _outcomes(
        self, state: State, items: list[Any], config: RunnableConfig, *, first: int = 0, split: bool = False
    ) -> Generator[Effect, Any, list[Outcome]]:
        key = identity(idempotency_key(), first, len(items)) if split else idempotency_key()
        try:
            return (yield from self._called({**state, self.item: items}, config, key))
        except BUGS:
            raise
        except Exception as error:
            if throttled(error) or (len(items) == 1 and not split):
                raise
            if len(items) == 1:
                return [failure(0, self.name, error)]
        half = len(items) // 2
        left = yield from self._outcomes(state, items[:half], config, first=first, split=True)
        return [*left, *(yield from self._outcomes(state, items[half:], config, first=first + half, split=True))]

    def _called(
        self, state: dict[str, Any], config: RunnableConfig, key: str | None
    ) -> Generator[Effect, Any, list[Outcome]]:
        """Call the worker, which knows each part of a batch by a key of its own."""
        items = state[self.item]
        with KnownAs(lambda: key):
            update = yield Ask(self.worker, {**state, KEY: key} if KEY in state else state, config)
        found = update.get(self.output)
        if not isinstance(found, list | tuple) or len(found) != len(items):
            had = f"{len(found)} values" if isinstance(found, list | tuple) else type(found).__name__
            raise OutputInvalid(f"worker {self.name!r} was given {len(items)} items in a batch and gave {had}")
        return [success(0, self.name, value) for value in found]


def unpacked(outcome: Outcome, group: Sequence[int]) -> list[Outcome]:
    """Return the outcomes of the items of a batch: what the call took is told of each."""
    inner = outcome["value"] if outcome["status"] == "success" else [outcome] * len(group)
    shared = {key: value for key, value in outcome.items() if key not in ("status", "value", "error")}
    return [
        {**one, **shared, "index": index}  # type: ignore[typeddict-item]
        for one, index in zip(inner, group, strict=True)
    ]
