"""The question that a review asks a person, and the answer it takes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Optional, Self

from pydantic import BaseModel, ConfigDict, Field, PydanticUserError, TypeAdapter, create_model, model_validator

from treadle.digests import digest

KIND = "treadle.review"
"""What `kind` says in every question of treadle's."""


@dataclass(frozen=True)
class Question:
    """What a reviewer is shown. Its `payload` is the interrupt's value: plain data."""

    gate: str
    """The name of the review in its graph."""
    title: str
    why: str
    """Why it came to a person."""
    proposal: Any
    """What the run would go on with."""
    actions: tuple[str, ...]
    leads_to: Mapping[str, str]
    """What follows from each action, in words."""
    context: Mapping[str, Any] = field(default_factory=dict)
    """Other values of the state that help to decide."""
    reasons: tuple[str, ...] = ()
    """The reasons that a rejection can name."""
    assign: str | None = None
    priority: int = 0
    due_in: float | None = None
    """Seconds from the asking to the due time."""
    round: int = 1
    rounds: int | None = None
    """How often it may be sent back in all."""
    history: Sequence[Mapping[str, Any]] = ()
    """The decisions of earlier rounds."""
    note: str | None = None
    """What the reviewer must know first, such as that the proposal has changed since it was decided on."""

    def payload(self) -> dict[str, Any]:
        """Return the question as the interrupt's value."""
        plain = asdict(self)
        lists = {key: list(plain[key]) for key in ("actions", "reasons", "history")}
        return {"kind": KIND, **plain, **lists}

    @property
    def digest(self) -> str:
        """The digest of the payload, which a decision is bound to."""
        return digest(self.payload())


class Answer(BaseModel):
    """A reviewer's answer; `answer_type` narrows the action and types the value."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"if": {"properties": {"action": {"const": "edit"}}}, "then": {"required": ["value"]}},
    )

    action: str
    value: Any = Field(default=None, description="what to go on with instead of the proposal, for an edit")
    reason: str | None = Field(default=None, description="one of the question's reasons")
    words: str | None = Field(default=None, description="the reviewer's own words")
    by: str | None = Field(default=None, description="who decided")
    at: float | None = Field(default=None, description="when, in seconds since 1970")
    digest: str | None = Field(default=None, description="the digest of the question that was decided on")

    @model_validator(mode="after")
    def _edited(self) -> Self:
        """Refuse an edit that says nothing of what to go on with."""
        if self.action == "edit" and "value" not in self.model_fields_set:
            raise ValueError("an edit needs a value")
        return self


def answer_type(actions: Sequence[str], value: Any = Any) -> type[Answer]:
    """Return the type of answers to one question: its actions, and the type of the value that an edit gives.

    A type that has no JSON Schema is taken for `Any`.
    """
    try:
        TypeAdapter(value)
    except PydanticUserError:
        value = Any
    action: Any = Literal[tuple(actions)]
    return create_model(  # pyright: ignore
        "Answer",
        __base__=Answer,
        action=(action, ...),
        value=(Optional[value], Field(default=None, description=Answer.model_fields["value"].description)),  # noqa: UP045  # pyright: ignore
    )
