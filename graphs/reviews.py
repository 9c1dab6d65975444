"""`review`: a person decides before the run goes on."""

import inspect
import operator
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from langgraph.types import interrupt

from treadle.errors import GraphBuildError
from treadle.nodes.questions import Answer, Question, answer_type
from treadle.nodes.steps import State, Step, Work, lookup

ACTIONS = ("approve", "edit", "reject")
"""What a reviewer can do, unless the review says otherwise."""

When = Callable[[Any], bool | str | None]
"""Gets the value under review; returns whether, or in words why, a person must see it."""


@dataclass(frozen=True)
class Review(Step):
    """A gate at which a person decides on one key of the state. Made by `review`."""

    name: str
    key: str
    title: str
    when: When | None = None
    actions: tuple[str, ...] = ACTIONS
    reject: Any = None
    rounds: int = 3
    context: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    assignee: str | None = None
    priority: int = 0
    due: float | None = None
    type: Any = Any
    leads_to: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """The key under review and the context shown with it."""
        return (self.key, *self.context)

    @property
    def writes(self) -> Mapping[str, Any]:
        """The key itself (an edit), the last decision, and the list of all decisions."""
        return {
            self.key: self.type,
            self.decision: str | None,
            f"{self.key}_reviews": Annotated[list[dict[str, Any]], operator.add],
        }

    @property
    def decision(self) -> str:
        """The key that holds the last decision's action, or None where nobody had to be asked."""
        return f"{self.key}_decision"

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Ask the person if someone must be asked; return the decision, and the edited value if it was edited."""
        yield from ()
        value = lookup(state, self.key, step=self.name)
        why = self._why(value)
        if why is None:
            return {self.decision: None}
        question = self._question(state, value, why)
        answer = self._ask(question)
        entry = {
            "round": question.round,
            "proposal": value,
            "why": why,
            **answer.model_dump(mode="json", exclude={"digest", "value"}),
            "at": answer.at or time.time(),
        }
        update = {self.decision: answer.action, f"{self.key}_reviews": [entry]}
        if answer.action == "edit":
            update[self.key] = answer.model_dump(mode="json")["value"]
        return update

    def _why(self, value: Any) -> str | None:
        if self.when is None:
            return "it is always reviewed"
        verdict = self.when(value)
        if isinstance(verdict, str):
            return verdict or None
        return getattr(self.when, "__name__", "the condition").replace("_", " ") if verdict else None

    def _question(self, state: State, value: Any, why: str) -> Question:
        history = list(state.get(f"{self.key}_reviews") or ())
        sent_back = sum(entry["action"] == "reject" for entry in history)
        actions = tuple(a for a in self.actions if a != "reject" or not self._returns or sent_back < self.rounds)
        return Question(
            gate=self.name,
            title=_filled(self.title, state),
            why=why,
            proposal=value,
            actions=actions,
            leads_to={action: self.leads_to.get(action, "the run goes on") for action in actions},
            context={key: lookup(state, key, step=self.name) for key in self.context},
            reasons=self.reasons,
            assign=self.assignee,
            priority=self.priority,
            due_in=self.due,
            round=sent_back + 1,
            rounds=self.rounds if self._returns else None,
            history=history,
        )

    def _ask(self, question: Question) -> Answer:
        """Interrupt until the answer is to this very question: it may have changed since it was decided on."""
        schema = answer_type(question.actions, self.type)
        asked = question
        while True:
            answer: Answer = interrupt(asked.payload(), response_schema=schema)
            if answer.digest in (None, asked.digest):
                return answer
            asked = replace(question, note="This has changed since it was decided on. Please decide again.")

    @property
    def _returns(self) -> bool:
        """Whether a rejection goes back to an earlier step, and so may come round again."""
        return isinstance(self.reject, str) and self.reject != END


def review(
    key: str,
    *,
    when: When | None = None,
    actions: Sequence[str] = ACTIONS,
    reject: Any = None,
    rounds: int = 3,
    title: str | None = None,
    context: Sequence[str] = (),
    reasons: Sequence[str] = (),
    assign: str | None = None,
    priority: int = 0,
    due: str | float | None = None,
    name: str | None = None,
) -> Review:
    """Stop the run until a person has decided on the state's `key`.

    `when` gets the value and says whether a person must see it, best in words: they are shown (default: always).
    `actions` are among approve, edit, reject. An edit puts the reviewer's value in place of the proposal. `reject` says
    where a rejection leads: the name of an earlier step of the chain (the reviewer's words go with it, at most
    `rounds` times), ``END``, or a step that is taken instead; by default the prompt that wrote the key. `context` names
    other keys that the reviewer is shown; `title` may use keys in braces. `due` is a time span such as ``"2d"``,
    ``"4h"`` or ``"30m"``, or seconds. The decision's action is left in ``<key>_decision`` and every decision in
    ``<key>_reviews``.

    In a StateGraph of your own it is a node; route after it on ``<key>_decision``.

    Raises:
        GraphBuildError: for unknown actions, a span that cannot be read, or fewer than one round.
    """
    label = name or f"{key}_review"
    if unknown := sorted(set(actions) - set(ACTIONS)):
        raise GraphBuildError(f"review {label!r}: {unknown[0]!r} is no action; the actions are {', '.join(ACTIONS)}")
    if not actions:
        raise GraphBuildError(
            f"review {label!r}: without actions nobody can answer it; give at least actions=('approve',)"
        )
    if "reject" not in actions and reject is not None:
        raise GraphBuildError(f"review {label!r} says where a rejection leads, but {tuple(actions)} has no 'reject'")
    if rounds < 1:
        raise GraphBuildError(f"review {label!r}: rounds={rounds}; at least one is needed")
    if when is not None and len(inspect.signature(when).parameters) != 1:
        raise GraphBuildError(f"review {label!r}: when= must take one argument, the value of {key!r}")
    return Review(
        name=label,
        key=key,
        title=title or f"Review of {key.replace('_', ' ')}",
        when=when,
        actions=tuple(actions),
        reject=reject,
        rounds=rounds,
        context=tuple(context),
        reasons=tuple(reasons),
        assignee=assign,
        priority=priority,
        due=span(due, where=label) if due is not None else None,
    )


def span(text: str | float, *, where: str) -> float:
    """Return a time span in seconds; a text is a number with s, m, h, d or w.

    >>> span("2d", where="example")
    172800.0
    """
    if isinstance(text, int | float):
        return float(text)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text)
    if match is None:
        raise GraphBuildError(f"{where!r}: {text!r} is no time span; write such as '30m', '4h' or '2d'")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[match[2]]


def _filled(title: str, state: State) -> str:
    """A title with the state's values in it; a key that is missing stays as it stands."""

    def value(match: re.Match[str]) -> str:
        found: Any = state
        for part in match[1].split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return match[0] if found is None else str(found)

    return re.sub(r"\{([\w.]+)\}", value, title)
