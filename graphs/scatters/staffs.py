"""The staff of a fan-out: its workers and their fallbacks, what they read and give, and how branches call them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import GenericAlias
from typing import Any, get_origin

from langgraph.graph import END

from treadle.errors import GraphBuildError
from treadle.graphs.chains import pattern_of
from treadle.graphs.leads import ASIDE
from treadle.graphs.patterns import Pattern, merged, reduced
from treadle.graphs.places import Place
from treadle.graphs.scatters.branches import Branch, is_leaf
from treadle.graphs.scatters.calls import Hand
from treadle.nodes.inquiries.reviews import Review
from treadle.nodes.limits import Limit
from treadle.nodes.policies.batches import Batch, Batched
from treadle.nodes.policies.hedges import Hedge
from treadle.nodes.policies.identities import KEY
from treadle.nodes.policies.retries import Retry


@dataclass(frozen=True)
class Member:
    """One worker: as it was given, and as the pattern that it is."""

    given: Place
    pattern: Pattern

    @property
    def hand(self) -> Hand:
        """How a branch calls it: a step as it is, anything else as the graph that it is made into."""
        runnable: Any = self.given if is_leaf(self.given) else self.pattern.compile(name=self.pattern.name)
        return Hand(self.pattern.name, runnable, self.pattern.output, keyed=KEY in self.pattern.reads)


@dataclass(frozen=True)
class Staff:
    """All who work for a fan-out. Made by `hired`."""

    label: str
    workers: tuple[Member, ...]
    fallbacks: tuple[Member, ...]

    @property
    def everyone(self) -> tuple[Member, ...]:
        """The workers and the fallbacks."""
        return (*self.workers, *self.fallbacks)

    @property
    def names(self) -> tuple[str, ...]:
        """What the workers are called."""
        return tuple(one.pattern.name for one in self.workers)

    @property
    def reads(self) -> list[str]:
        """What the workers read."""
        return [key for one in self.workers for key in one.pattern.reads]

    @property
    def pausing(self) -> bool:
        """Whether anybody stops for a person."""
        return any(waits(one.pattern) for one in self.everyone)

    @property
    def settling(self) -> bool:
        """Whether in nobody's work anything follows what a person is asked."""
        return self.pausing and all(settles(one.pattern) for one in self.everyone)

    @property
    def leaves(self) -> bool:
        """Whether everybody is one step, which cannot stop for a person half-way."""
        return not self.pausing and all(is_leaf(one.given) for one in self.everyone)

    def batched(self, item: str, *, whole: bool) -> "Staff":
        """Return the staff that takes lists of items, and so needs a list, unlike items and single steps."""
        if whole or not all(is_leaf(one.given) for one in self.everyone):
            raise GraphBuildError(f"fan-out {self.label!r}: batches are for over=, and for workers that are one step")
        workers, fallbacks = (tuple(_batched(one, item) for one in each) for each in (self.workers, self.fallbacks))
        return replace(self, workers=workers, fallbacks=fallbacks)

    def takes(self, over: str | None, item: str, batch: Batch | None) -> dict[str, Any]:
        """The types that are declared for what is read: of the items, that of the list that they come from."""
        takes = merged([one.pattern.takes for one in self.everyone])
        kind = takes.pop(item, Any) if over else Any
        if over is None or kind is Any:
            return takes
        return {**takes, over: kind if batch else GenericAlias(Iterable, (kind,))}

    def gives(self, batch: Batch | None) -> Any:
        """The type of the list of results: a batch's worker gives that list, any other one of its values."""
        kinds = [one.pattern.writes.get(one.pattern.output, Any) for one in self.workers]
        kind = kinds[0] if len(kinds) == 1 and not reduced(kinds[0]) else Any
        return kind if batch and get_origin(kind) is list else GenericAlias(list, (Any if batch else kind,))

    def branches(
        self, retry: Retry, hedge: Hedge | None, limits: Sequence[Limit], timeout: float | None
    ) -> list[Branch]:
        """A branch for each worker, with the fallbacks behind it."""
        fallbacks = tuple(one.hand for one in self.fallbacks)
        return [Branch(one.hand, fallbacks, retry, hedge, tuple(limits), timeout) for one in self.workers]


def hired(label: str, workers: Sequence[Place], fallbacks: Sequence[Place], *, given: Sequence[str] | None) -> Staff:
    """Return the staff, checked against what a branch is given (None: whatever it reads)."""
    return Staff(label, *(tuple(_member(one, label, given) for one in each) for each in (workers, fallbacks)))


def waits(pattern: Pattern) -> bool:
    """Whether a pattern, or one inside it, stops for a person."""
    return pattern.pausing or any(_asks(spec) for spec in pattern.nodes.values())


def settles(pattern: Pattern) -> bool:
    """Whether in a pattern, at any depth, nothing follows what a person is asked, once that need not be asked again."""
    if pattern.pausing:
        return pattern.settling
    asking = {name: spec for name, spec in pattern.nodes.items() if _asks(spec)}
    last = all(_onward(pattern, name) == {END} for name in asking)
    return last and all(isinstance(spec.runnable, Review) or _within(spec, settles) for spec in asking.values())


def _asks(spec: Any) -> bool:
    return isinstance(spec.runnable, Review) or _within(spec, waits)


def _onward(pattern: Pattern, name: str) -> set[str]:
    """Where a node leads, but for answers of a review that lead aside."""
    joins = {end for starts, end in pattern.waiting_edges if name in starts}
    chosen = [way for one in pattern.branches[name].values() for way in (one.ends or {}).items()]
    onward = {end for key, end in chosen if key not in ASIDE.values()}
    return joins | onward | {end for start, end in pattern.edges if start == name}


def _within(spec: Any, holds: Callable[[Pattern], bool]) -> bool:
    return isinstance(inner := _inner(spec), Pattern) and holds(inner)


def _inner(spec: Any) -> Any:
    return getattr(spec.runnable, "builder", None)


def _batched(member: Member, item: str) -> Member:
    worker: Any = Batched(member.given, item, member.pattern.output)
    return Member(worker, pattern_of(worker))


def _member(worker: Place, label: str, given: Sequence[str] | None) -> Member:
    pattern = pattern_of(worker)
    missing = [key for key in pattern.reads if key not in (*given, KEY)] if given is not None else []
    if missing and given is not None:
        raise GraphBuildError(
            f"fan-out {label!r}: its worker {pattern.name!r} reads {missing[0]!r}, and a branch is given only "
            f"{', '.join(given)}; name it in context=({missing[0]!r},), or call the item that with item={missing[0]!r}"
        )
    return Member(worker, pattern)
