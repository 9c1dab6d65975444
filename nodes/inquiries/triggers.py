"""What brings a value to a person: a condition, a rule, a gate, a doubt, a sample; and the words that tell why."""

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonschema import Draft202012Validator
from langchain_core.runnables import RunnableConfig

from treadle.digests import digest
from treadle.errors import GraphBuildError
from treadle.nodes.confidences import Below, Measure
from treadle.nodes.gates import Check, Classifier, Gate, checked, classifiers
from treadle.nodes.inquiries.questions import Trigger
from treadle.nodes.records import once
from treadle.nodes.steps import Effect, State, Step

When = Callable[[Any], bool | str | None]
"""Gets the value under review; returns whether, or in words why, a person must see it."""

Rule = When | Mapping[str, Any]
"""A condition, or a JSON Schema that what a person must see fits."""


@dataclass(frozen=True)
class Cause:
    """Why a person must see a value."""

    trigger: Trigger
    why: str


ALWAYS = Cause("always", "it is always reviewed")


@dataclass(frozen=True)
class Triggers:
    """What brings a value to a person; without any of them, every value comes."""

    when: When | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
    """Rules by the words that a reviewer reads."""
    gates: tuple[Gate, ...] = ()
    below: Below | None = None
    sample: float = 0.0
    """The share of values that come for audit alone."""

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self.when or self.rules or self.gates or self.below or self.sample)

    @property
    def reads(self) -> tuple[str, ...]:
        """The state keys that they need besides the one under review."""
        places = (self.below.at.split(".")[0],) if self.below and self.below.at else ()
        return (*places, *(key for step in classifiers(self.gates) for key in step.reads))

    def cause(
        self, value: Any, measure: Measure, state: State, config: RunnableConfig, *, item: Sequence[Any]
    ) -> Generator[Effect, Any, Cause | None]:
        """Return why a person must see a value, or None; what fires first names the trigger, all is told.

        Gates that cost a call of a model are asked only if nothing else fires, and once: a run that is resumed goes by
        what they said. `item` is what a sample tells values apart by.
        """
        if not self.any:
            return ALWAYS
        plain = [gate for gate in self.gates if not isinstance(gate, Classifier | Step)]
        refused = yield from checked(plain, value, state, config)
        causes = [*self._told(value), *_gated(refused), *self._doubted(measure)]
        if not causes and len(plain) < len(self.gates):
            causes = _gated((yield from self._judged(value, state, config)))
        if not causes and self.sample and picked(self.sample, item):
            causes = [Cause("sample", f"it was picked for a sample of {self.sample * 100:g}% of them")]
        return Cause(causes[0].trigger, "; ".join(cause.why for cause in causes)) if causes else None

    def _told(self, value: Any) -> list[Cause]:
        """What the condition and the rules say."""
        verdict = self.when(value) if self.when else None
        words = verdict if isinstance(verdict, str) else named(self.when) if verdict else ""
        rules = [Cause("rule", name) for name, rule in self.rules.items() if _applies(rule, value)]
        return [*([Cause("condition", words)] if words else []), *rules]

    def _doubted(self, measure: Measure) -> list[Cause]:
        doubt = self.below.doubt(measure) if self.below else None
        return [Cause("confidence", doubt)] if doubt else []

    def _judged(self, value: Any, state: State, config: RunnableConfig) -> Generator[Effect, Any, list[Check]]:
        def judge() -> Generator[Effect, Any, Any]:
            checks = yield from checked(self.gates, value, state, config)
            return [[check.gate, check.problem] for check in checks]

        known = yield from once("judged", config, judge)
        return [Check(*pair) for pair in known]


def triggers(
    *,
    when: When | Mapping[str, Rule] | None,
    gates: tuple[Gate, ...],
    below: float | Below | None,
    sample: float,
    where: str,
) -> Triggers:
    """Return what was given as triggers.

    Raises:
        GraphBuildError: for a condition that does not take one argument, and a share that is none.
    """
    rules = dict(when) if isinstance(when, Mapping) else {}
    condition = None if isinstance(when, Mapping) else when
    for rule in [one for one in (condition, *rules.values()) if not isinstance(one, Mapping)]:
        if rule is not None and len(inspect.signature(rule).parameters) != 1:
            raise GraphBuildError(f"{where}: when= must take one argument, the value under review")
    if not 0 <= sample <= 1:
        raise GraphBuildError(f"{where}: sample={sample}; it is a share, from 0 to 1")
    return Triggers(condition, rules, gates, Below(below) if isinstance(below, int | float) else below, sample)


def picked(share: float, item: Sequence[Any]) -> bool:
    """Whether an item falls into a sample of this share: the same one always does, or never.

    >>> sum(picked(0.05, ["x1", number]) for number in range(100_000)) / 100_000
    0.04933
    """
    return int(digest(item)[:13], 16) < share * 16**13


def named(function: Any) -> str:
    """Return what a reviewer reads of a condition that gives no words: its name."""
    name = str(getattr(function, "__name__", ""))
    return name.replace("_", " ") if name.isidentifier() else "a condition holds"


def _applies(rule: Rule, value: Any) -> bool:
    return Draft202012Validator(rule).is_valid(value) if isinstance(rule, Mapping) else bool(rule(value))


def _gated(checks: Sequence[Check]) -> list[Cause]:
    return [Cause("gate", check.problem) for check in checks if check.problem is not None]
