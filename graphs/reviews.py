"""`review`: a person decides before the run goes on."""

import inspect
import operator
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, get_args

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from langgraph.types import interrupt
from pydantic import PydanticUserError, TypeAdapter, ValidationError

from treadle.errors import GraphBuildError
from treadle.nodes.deadlines import Deadline, Span, deadline
from treadle.nodes.durations import span
from treadle.nodes.outputs import told
from treadle.nodes.panels import Panel, named
from treadle.nodes.questions import Answer, Question, Shape, answer_type
from treadle.nodes.sources import Source
from treadle.nodes.steps import State, Step, Work, lookup
from treadle.nodes.templates import reach
from treadle.nodes.triggers import ALWAYS, Cause, When, condition

ACTIONS = ("approve", "edit", "reject")
"""What a reviewer can do, unless the review says otherwise."""


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
    labels: tuple[str, ...] = ()
    source: Source | None = None
    shape: Shape = "edit"
    assignee: str | None = None
    priority: int = 0
    panel: Panel = field(default_factory=Panel)
    deadline: Deadline | None = None
    withdraw: float | None = None
    type: Any = Any
    because: str | None = None
    """The key that says why a person must see the value, in place of `when`; None in it: nobody must."""
    leads_to: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """The key under review, the context shown with it, and who asked for it."""
        others = (*self.context, *(self.source.keys if self.source else ()), self.panel.requester)
        return tuple(dict.fromkeys([self.key, *(key for key in others if key)]))

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
        cause = self._cause(state, value)
        if cause is None:
            return {self.decision: None}
        question = self._question(state, value, cause)
        answer = self._ask(question)
        entry = {
            "round": question.round,
            "proposal": value,
            "why": cause.why,
            **answer.model_dump(mode="json", exclude={"digest", "value"}),
            "at": answer.at or time.time(),
        }
        update = {self.decision: answer.action, f"{self.key}_reviews": [entry]}
        if answer.action == "edit":
            update[self.key] = answer.model_dump(mode="json")["value"]
        return update

    def _cause(self, state: State, value: Any) -> Cause | None:
        if self.because is not None:
            problem = state.get(self.because)
            return None if problem is None else Cause("gate", problem)
        return ALWAYS if self.when is None else condition(self.when, value)

    def _question(self, state: State, value: Any, cause: Cause) -> Question:
        history = list(state.get(f"{self.key}_reviews") or ())
        sent_back = sum(entry["action"] == "reject" for entry in history)
        actions = tuple(a for a in self.actions if a != "reject" or not self._returns or sent_back < self.rounds)
        if self.because is not None and not self._fits(value):
            actions = tuple(a for a in actions if a != "approve") or actions
        asker = self.panel.requester
        return Question(
            gate=self.name,
            title=_filled(self.title, state),
            why=cause.why,
            proposal=value,
            actions=actions,
            leads_to={action: self.leads_to.get(action, "the run goes on") for action in actions},
            shape=self.shape,
            trigger=cause.trigger,
            context={key: lookup(state, key, step=self.name) for key in self._shown},
            source=self.source.found(state) if self.source else None,
            reasons=self.reasons,
            labels=self.labels,
            assign=self.assignee,
            priority=self.priority,
            panel=self.panel,
            requester=str(lookup(state, asker, step=self.name)) if asker else None,
            deadline=self._deadline(actions),
            withdraw_in=self.withdraw,
            round=sent_back + 1,
            rounds=self.rounds if self._returns else None,
            history=history,
        )

    @property
    def _shown(self) -> tuple[str, ...]:
        """The keys that the reviewer sees beside the proposal."""
        text = self.source.key if self.source else None
        return self.context if text in (None, self.key) else tuple(dict.fromkeys([*self.context, str(text)]))

    def _deadline(self, actions: Sequence[str]) -> Deadline | None:
        """The deadline; its default only as long as that can still be done."""
        if self.deadline is None or (self.deadline.answer or {}).get("action") in (None, *actions):
            return self.deadline
        return replace(self.deadline, default=None)

    def _fits(self, value: Any) -> bool:
        """Whether the value is of its type: one that no attempt made good may be any text, and cannot be approved."""
        try:
            TypeAdapter(self.type).validate_python(value)
        except ValidationError:
            return False
        except PydanticUserError:
            return True
        return True

    def _ask(self, question: Question) -> Answer:
        """Interrupt until the answer is to this very question: it may have changed since it was decided on."""
        schema = answer_type(question.actions, self.type, labels=question.labels)
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
    source: Source | None = None,
    reasons: Sequence[str] = (),
    labels: Sequence[str] = (),
    assign: str | None = None,
    priority: int = 0,
    panel: Panel | None = None,
    due: Span | Deadline | None = None,
    withdraw: Span | None = None,
    shape: Shape | None = None,
    name: str | None = None,
) -> Review:
    """Stop the run until a person has decided on the state's `key`.

    `when` gets the value and says whether a person must see it, best in words: they are shown (default: always).
    `actions` are among approve, edit, reject. An edit puts the reviewer's value in place of the proposal. `reject` says
    where a rejection leads: the name of an earlier step of the chain (the reviewer's words go with it, at most
    `rounds` times), ``END``, or a step that is taken instead; by default the prompt that wrote the key.

    The reviewer is shown the `title`, which may use keys in braces, the other keys that `context` names, and the part
    of a longer text that `source` finds; `reasons` are those that a rejection can name, `labels` those that can be put
    on any answer. `shape` says what the person is there for, where the actions do not.

    `panel` says who may decide and how many must agree, `due` until when and what holds then (a span such as ``"2d"``,
    or a `Deadline`), `withdraw` for how long a decision can be taken back. `assign` and `priority` sort the queue.

    The decision's action is left in ``<key>_decision`` and every decision in ``<key>_reviews``. In a StateGraph of your
    own it is a node; route after it on ``<key>_decision``.

    Raises:
        GraphBuildError: for unknown actions, a span that cannot be read, fewer than one round, or a default, a veto or
            labels that no answer could have.
    """
    label = name or f"{key}_review"
    made = Review(
        name=label,
        key=key,
        title=title or f"Review of {key.replace('_', ' ')}",
        when=when,
        actions=tuple(actions),
        reject=reject,
        rounds=rounds,
        context=named(context, what=f"review {label!r}, context"),
        source=source,
        reasons=named(reasons, what=f"review {label!r}, reasons"),
        labels=named(labels, what=f"review {label!r}, labels"),
        shape=shape or ("edit" if "edit" in actions else "approval"),
        assignee=assign,
        priority=priority,
        panel=panel or Panel(),
        deadline=deadline(due),
        withdraw=span(withdraw, where=label) if withdraw is not None else None,
    )
    _check(made)
    return made


def _check(made: Review) -> None:
    """Refuse what could not work."""
    where = f"review {made.name!r}"
    if unknown := sorted(set(made.actions) - set(ACTIONS)):
        raise GraphBuildError(f"{where}: {unknown[0]!r} is no action; the actions are {', '.join(ACTIONS)}")
    if not made.actions:
        raise GraphBuildError(f"{where}: without actions nobody can answer it; give at least actions=('approve',)")
    if made.shape not in get_args(Shape):
        raise GraphBuildError(f"{where}: shape={made.shape!r}; it is one of {', '.join(get_args(Shape))}")
    if "reject" not in made.actions and made.reject is not None:
        raise GraphBuildError(f"{where} says where a rejection leads, but {made.actions} has no 'reject'")
    if "reject" not in made.actions and made.panel.veto:
        raise GraphBuildError(f"{where} gives {made.panel.veto[0]!r} a veto, but {made.actions} has no 'reject'")
    if made.rounds < 1:
        raise GraphBuildError(f"{where}: rounds={made.rounds}; at least one is needed")
    if made.when is not None and len(inspect.signature(made.when).parameters) != 1:
        raise GraphBuildError(f"{where}: when= must take one argument, the value of {made.key!r}")
    _check_default(made, where)


def _check_default(made: Review, where: str) -> None:
    """Refuse a default that is no answer to the question."""
    answer = made.deadline.answer if made.deadline else None
    if answer is None:
        return
    try:
        answer_type(made.actions, labels=made.labels).model_validate(answer)
    except ValidationError as error:
        raise GraphBuildError(f"{where}: its default {answer} is no answer to it: {told(error)}") from None


def _filled(title: str, state: State) -> str:
    """A title with the state's values in it; a key that is missing stays as it stands."""

    def value(match: re.Match[str]) -> str:
        found = reach(state, match[1])
        return match[0] if found is None else str(found)

    return re.sub(r"\{([\w.]+)\}", value, title)
