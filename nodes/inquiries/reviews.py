"""The step at which a person decides."""

import operator
import re
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from langgraph.types import interrupt
from pydantic import PydanticUserError, TypeAdapter, ValidationError

from treadle.errors import GraphBuildError
from treadle.nodes.confidences import Measure, measured
from treadle.nodes.inquiries.companies import company
from treadle.nodes.inquiries.deadlines import Deadline
from treadle.nodes.inquiries.panels import Panel
from treadle.nodes.inquiries.questions import GIVING, Answer, Question, Shape, response_type
from treadle.nodes.inquiries.sources import Source
from treadle.nodes.inquiries.triggers import Cause, Triggers
from treadle.nodes.records import Desk, Inquire, desk, place
from treadle.nodes.steps import Effect, State, Step, Work, lookup
from treadle.nodes.templates import reach

ALL = "*"
"""Stands for every key of the state."""

ONWARD = {True: "the run goes on", False: "it is kept as feedback; the run has gone on"}
"""What follows from an action, where nothing else is said, by whether the run waits for it."""


@dataclass(frozen=True)
class Review(Step):
    """A gate at which a person decides on one key of the state. Made by `treadle.review`."""

    name: str
    key: str
    title: str
    actions: tuple[str, ...]
    triggers: Triggers = field(default_factory=Triggers)
    reject: Any = None
    respond: str | None = None
    """The earlier step that a reviewer's words go back to."""
    rounds: int = 3
    context: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    source: Source | None = None
    shape: Shape = "edit"
    holds: bool = True
    """Whether the run waits for the answer."""
    assignee: str | None = None
    priority: int = 0
    panel: Panel = field(default_factory=Panel)
    deadline: Deadline | None = None
    withdraw: float | None = None
    type: Any = Any
    because: str | None = None
    """The key that says why a person must see the value, in place of triggers; None in it: nobody must."""
    leads_to: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """The key under review, what is shown with it, who asked for it, and what the triggers need."""
        shown = [key for key in self.context if key != ALL]
        others = (*shown, *(self.source.keys if self.source else ()), self.panel.requester, *self.triggers.reads)
        return tuple(dict.fromkeys([self.key, *(key for key in others if key)]))

    @property
    def whole(self) -> bool:
        """Whether the reviewer is shown the whole state."""
        return ALL in self.context

    @property
    def writes(self) -> Mapping[str, Any]:
        """The key itself (an edit), the last decision, and all decisions; or, where nothing waits, the question."""
        if not self.holds:
            return {self.question: str | None}
        return {
            self.key: self.type,
            self.decision: str | None,
            self.history: Annotated[list[dict[str, Any]], operator.add],
        }

    @property
    def decision(self) -> str:
        """The key that holds the last decision's action, or None where nobody had to be asked."""
        return f"{self.key}_decision"

    @property
    def history(self) -> str:
        """The key that holds every decision."""
        return f"{self.key}_reviews"

    @property
    def question(self) -> str:
        """The key that holds the id of a question that does not hold the run, or None where nobody was asked."""
        return f"{self.key}_question"

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Ask the person if someone must be asked; return the decision, and the value if the person gave one."""
        value = lookup(state, self.key, step=self.name)
        measure = measured(state, self.key, self.type, self.triggers.below)
        cause = yield from self._cause(state, value, measure, config)
        if cause is None:
            return {self.decision if self.holds else self.question: None}
        question = self._question(state, value, cause, measure)
        if not self.holds:
            schema = TypeAdapter(response_type(question, self.type)).json_schema()
            return {self.question: (yield Inquire(self._desk(config), config, question.plain(), schema))}
        beside = replace(question, company=company(config), last=tuple(filter(self._leads_on, question.actions)))
        answer = self._ask(beside)
        entry = {
            "round": question.round,
            "proposal": value,
            "why": cause.why,
            "trigger": cause.trigger,
            **answer.model_dump(mode="json", exclude={"digest", "value"}),
            "at": answer.at or time.time(),
        }
        given = {self.key: answer.model_dump(mode="json")["value"]} if answer.action in GIVING else {}
        return {self.decision: answer.action, self.history: [entry], **given}

    def _cause(
        self, state: State, value: Any, measure: Measure, config: RunnableConfig
    ) -> Generator[Effect, Any, Cause | None]:
        if self.because is not None:
            problem = state.get(self.because)
            return None if problem is None else Cause("gate", problem)
        item = [place(config)[0], self.name, value, self._context(state)]
        cause = yield from self.triggers.cause(value, measure, state, config, item=item)
        if cause is None and self._audited(state):
            return Cause("sample", "it was sent back after it had been picked for a sample")
        return cause

    def _audited(self, state: State) -> bool:
        """Whether the value takes the place of one that a sample brought here and a person sent back."""
        last = (list(state.get(self.history) or ()) or [{}])[-1]
        return last.get("trigger") == "sample" and self._sends_back(last.get("action"))

    def _question(self, state: State, value: Any, cause: Cause, measure: Measure) -> Question:
        history = list(state.get(self.history) or ())
        sent_back = sum(self._sends_back(entry["action"]) for entry in history)
        actions = self._offered(value, sent_back)
        asker = self.panel.requester
        return Question(
            gate=self.name,
            title=_filled(self.title, state),
            why=cause.why,
            proposal=value,
            actions=actions,
            leads_to={action: self.leads_to.get(action, ONWARD[self.holds]) for action in actions},
            shape=self.shape,
            holds=self.holds,
            trigger=cause.trigger,
            confidence=measure.value,
            confidence_source=measure.source,
            context=self._context(state),
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
            rounds=self.rounds if any(map(self._sends_back, self.actions)) else None,
            history=history,
        )

    def _offered(self, value: Any, sent_back: int) -> tuple[str, ...]:
        """What can be done now: no more rounds than there are, and nothing approved that is not of its type."""
        spent, misfit = sent_back >= self.rounds, self.because is not None and not self._fits(value)
        barred = {a for a in self.actions if (spent and self._sends_back(a)) or (misfit and a == "approve")}
        return tuple(a for a in self.actions if a not in barred) or self.actions

    def _sends_back(self, action: str | None) -> bool:
        """Whether an action leads to an earlier step, so that the value may come round again."""
        return action == "respond" or (action == "reject" and isinstance(self.reject, str) and self.reject != END)

    def _leads_on(self, action: str) -> bool:
        """Whether an action leads where the chain goes on, or ends: to no earlier step, and to none instead."""
        return action not in ("reject", "respond") or (action == "reject" and self.reject == END)

    def _context(self, state: State) -> dict[str, Any]:
        """What the reviewer sees beside the proposal."""
        own = (self.key, self.decision, self.history)
        named = [key for one in self.context for key in ((k for k in state if k not in own) if one == ALL else [one])]
        text = [self.source.key] if self.source and self.source.key != self.key else []
        return {key: lookup(state, key, step=self.name) for key in dict.fromkeys([*named, *text])}

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

    def _desk(self, config: RunnableConfig) -> Desk:
        found = desk(config)
        if found is None:
            raise GraphBuildError(
                f"review {self.name!r} holds no run, so that its question needs a queue: compile the graph with"
                " checkpointer=SqliteSaver(...)"
            )
        return found

    def _ask(self, question: Question) -> Answer:
        """Interrupt until the answer is to this very question: it may have changed since it was decided on."""
        schema = response_type(question, self.type)
        asked = question
        while True:
            answer: Answer = interrupt(asked.payload(), response_schema=schema)
            if answer.digest in (None, asked.digest):
                return answer
            asked = replace(question, note="This has changed since it was decided on. Please decide again.")


def _filled(title: str, state: State) -> str:
    """A title with the state's values in it; a key that is missing stays as it stands."""

    def value(match: re.Match[str]) -> str:
        found = reach(state, match[1])
        return match[0] if found is None else str(found)

    return re.sub(r"\{([\w.]+)\}", value, title)
