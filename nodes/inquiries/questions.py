"""The question that a review asks a person, and the answer it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, Literal, Optional, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PydanticUserError,
    TypeAdapter,
    create_model,
    model_validator,
)
from pydantic_core import core_schema

from treadle.dialects import OTHERS, native, requests
from treadle.digests import digest
from treadle.nodes.inquiries.companies import Company
from treadle.nodes.inquiries.deadlines import NEVER, Deadline
from treadle.nodes.inquiries.panels import Panel
from treadle.plains import plain

KIND = "treadle.review"
"""What `kind` says in every question of treadle's."""

ACTIONS = ("approve", "edit", "reject", "respond", "take_over")
"""What a reviewer may be able to do."""

GIVING = ("edit", "take_over")
"""The actions with which a reviewer gives a value of their own."""

Shape = Literal["approval", "edit", "escalation", "feedback"]
"""What a person is there for: yes or no; a better version; taking the step over; words for the model."""

Trigger = Literal["always", "condition", "confidence", "gate", "rule", "sample"]
"""What brought a value to a person."""


@dataclass(frozen=True)
class Question:
    """What a reviewer is shown. Its `payload` is the interrupt's value: plain data."""

    gate: str
    """The name of the review in its graph."""
    title: str
    why: str
    """Why it came to a person, in words."""
    proposal: Any
    """What the run would go on with."""
    actions: tuple[str, ...]
    leads_to: Mapping[str, str]
    """What follows from each action, in words."""
    shape: Shape = "edit"
    holds: bool = True
    """False for a question about what already ran: the run goes on, and the answer is feedback."""
    trigger: Trigger = "always"
    confidence: float | None = None
    """The model's, from 0 to 1."""
    confidence_source: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    """Other values of the state that help to decide."""
    source: Mapping[str, Any] | None = None
    """The part of the context to highlight: ``key``, ``start``, ``end``."""
    reasons: tuple[str, ...] = ()
    """The reasons that a rejection can name."""
    labels: tuple[str, ...] = ()
    """The labels that the reviewer can put on it."""
    assign: str | None = None
    priority: int = 0
    panel: Panel = field(default_factory=Panel)
    requester: str | None = None
    """Who asked for it, and may not decide."""
    deadline: Deadline | None = None
    withdraw_in: float | None = None
    """Seconds for which a decision can be taken back before the run goes on."""
    round: int = 1
    rounds: int | None = None
    """How often it may be sent back in all."""
    history: Sequence[Mapping[str, Any]] = ()
    """The decisions of earlier rounds."""
    note: str | None = None
    """What the reviewer must know first, such as that the proposal has changed since it was decided on."""
    company: Company | None = None
    """The branches that it stands among, where answers are taken over together. No part of what is decided on."""
    last: tuple[str, ...] = ()
    """The actions after which nothing follows in its branch."""

    def payload(self) -> dict[str, Any]:
        """Return the question as the interrupt's value: treadle's own, and once more for other clients."""
        plain = self.plain()
        together = {"together": self.company.payload(self.last)} if self.company and self.last else {}
        return {**plain, **requests(plain), **together}

    def plain(self) -> dict[str, Any]:
        """Return the question as plain data: every group's parts beside the others."""
        groups = {**self.panel.payload(), **(self.deadline.payload() if self.deadline else NEVER)}
        plain = {**asdict(replace(self, panel=Panel(), deadline=None, company=None)), **groups}
        lists = {key: list(plain[key]) for key in _LISTS}
        kept = {key: part for key, part in plain.items() if key not in _APART}
        return {"kind": KIND, **kept, **lists}

    @property
    def digest(self) -> str:
        """The digest of the question as the queue holds it, which a decision is bound to."""
        return digest(plain(self.plain()))


_APART = ("panel", "deadline", "company", "last")
_LISTS = ("actions", "reasons", "labels", "history", "escalate")


def _acting(actions: Sequence[str]) -> Any:
    return {"properties": {"action": {"enum": list(actions)}}, "required": ["action"]}


class Answer(BaseModel):
    """A reviewer's answer; `answer_type` narrows the action and types the value."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "allOf": [
                {"if": _acting(GIVING), "then": {"required": ["value"]}},
                {
                    "if": _acting(("respond",)),
                    "then": {"required": ["words"], "properties": {"words": {"type": "string", "pattern": r"\S"}}},
                },
            ]
        },
    )

    action: str
    value: Any = Field(default=None, description="what to go on with instead of the proposal")
    reason: str | None = Field(default=None, description="one of the question's reasons")
    words: str | None = Field(default=None, description="the reviewer's own words")
    labels: list[str] | None = Field(default=None, description="those of the question's labels that fit")
    by: str | None = Field(default=None, description="who decided")
    at: float | None = Field(default=None, description="when, in seconds since 1970")
    digest: str | None = Field(default=None, description="the digest of the question that was decided on")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Refuse an answer that says nothing of what to go on with, or with which words."""
        if self.action in GIVING and "value" not in self.model_fields_set:
            raise ValueError(f"{'an edit' if self.action == 'edit' else self.action} needs a value")
        if self.action == "respond" and not (self.words or "").strip():
            raise ValueError("respond needs words, which go back to the model")
        return self


def answer_type(actions: Sequence[str], value: Any = Any, *, labels: Sequence[str] = ()) -> type[Answer]:
    """Return the type of answers to one question: its actions, its labels, and the type of an edit's value.

    A type that has no JSON Schema is taken for `Any`.
    """
    try:
        TypeAdapter(value)
    except PydanticUserError:
        value = Any
    action: Any = Literal[tuple(actions)]
    label: Any = Literal[tuple(labels)] if labels else str
    return create_model(  # pyright: ignore
        "Answer",
        __base__=Answer,
        action=(action, ...),
        value=_field("value", value),
        labels=_field("labels", list[label]),
    )


def _field(name: str, kind: Any) -> Any:
    """A field of `Answer` with a narrower type, described as there."""
    return (Optional[kind], Field(default=None, description=Answer.model_fields[name].description))  # noqa: UP045  # pyright: ignore


@dataclass(frozen=True)
class Spoken:
    """Marks the type of a question's answers: it takes those of other clients' as well, each in its form."""

    question: Question

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Read an answer of another client before it is checked."""
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> Any:
        """Say that an answer is in one of the forms; what it is about stays at the root, where forms look for it."""
        own = handler.resolve_ref_schema(handler(schema))
        names = ("title", "description", "properties")
        ours = {key: part for key, part in own.items() if key not in (*names, "additionalProperties")}
        ours["propertyNames"] = {"enum": list(own["properties"])}
        return {**{key: own[key] for key in names if key in own}, "anyOf": [ours, *OTHERS]}

    def read(self, answer: Any) -> Any:
        """Return an answer in treadle's form."""
        return native(answer, actions=self.question.actions, proposal=self.question.proposal)


def response_type(question: Question, value: Any) -> Any:
    """Return the type of what a question may be answered with, by whatever client; `value` types an edit's value."""
    return Annotated[answer_type(question.actions, value, labels=question.labels), Spoken(question)]
