"""`bedrock`: a model of Amazon Bedrock by its id and parameters."""

from functools import cache
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel, ConfigDict, Field, field_validator

from treadle.nodes.bedrock.clients import Account, account, clients

CONNECTIONS = 256
"""Connections that a client keeps open at most."""


class Parameters(BaseModel):
    """What can be said of a Bedrock model beside its id."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str | None = None
    profile: str | None = None
    endpoint: str | None = None
    timeout: float = Field(default=300, gt=0)
    """Seconds without a byte until an attempt is given up."""
    limit: int | None = Field(default=None, ge=1)
    """Calls at once at most."""
    requests: float | None = Field(default=None, gt=0)
    tokens: float | None = Field(default=None, gt=0)
    """A minute at most."""
    attempts: int = Field(default=8, ge=1)
    fallback: tuple[str, ...] = ()
    """Models that answer while it is degraded: ``<model id>``, ``<model id>@<region>`` or ``@<region>``."""
    slow: float | None = Field(default=None, gt=0)
    """Seconds from which an answer says that the model is degraded, as a failure does."""
    cache: bool = False
    transport: Literal["whole", "stream"] = "whole"
    partial: bool = False
    guardrail: str | None = Field(default=None, pattern=r"^[^:]+(:[^:]+)?$")
    """``<id>`` or ``<id>:<version>``."""
    provider: str | None = None
    """Needed where the id is an ARN, such as ``anthropic``."""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = Field(default=None, ge=1)

    @field_validator("fallback", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


def where(parameters: Parameters) -> Account:
    """Return where a model is called, and as whom.

    Raises:
        ModelUnavailable: without credentials or a region; it says what to do.
    """
    return account(
        region=parameters.region, profile=parameters.profile, endpoint=parameters.endpoint, timeout=parameters.timeout
    )


@cache
def bedrock(model_id: str, parameters: Parameters, at: Account) -> BaseChatModel:
    """Return the model, the same for the same arguments; nothing is sent."""
    others = [_made(*_elsewhere(text, model_id, at), parameters) for text in parameters.fallback]
    return _made(model_id, at, parameters, tuple(others))


def _elsewhere(text: str, model_id: str, at: Account) -> tuple[str, Account]:
    """The model id and the account of a fallback; an endpoint serves one region."""
    named, _, region = text.partition("@")
    endpoint = at.endpoint if not region or region == at.region else None
    return named or model_id, Account(region or at.region, at.profile, endpoint, at.timeout)


def _made(
    model_id: str, at: Account, parameters: Parameters, fallbacks: tuple[BaseChatModel, ...] = ()
) -> BaseChatModel:
    from treadle.nodes.bedrock.converses import BedrockModel

    found = clients(at, connections=max(CONNECTIONS, parameters.limit or 0))
    said = {name: getattr(parameters, name) for name in ("temperature", "top_p", "max_tokens", "provider")}
    settings: dict[str, Any] = {
        "fallbacks": fallbacks,
        **{name: value for name, value in said.items() if value is not None},
    }
    if parameters.guardrail:
        settings["guardrails"] = _guardrail(parameters.guardrail)
    return BedrockModel(
        model=model_id,
        client=found.runtime,
        bedrock_client=found.control,
        region_name=at.region,
        base_url=at.endpoint,
        concurrency=parameters.limit,
        requests=parameters.requests,
        tokens=parameters.tokens,
        attempts=parameters.attempts,
        cached=parameters.cache,
        transport=parameters.transport,
        partial=parameters.partial,
        slow=parameters.slow,
        **settings,
    )


def _guardrail(text: str) -> dict[str, str]:
    name, _, version = text.partition(":")
    return {"guardrailIdentifier": name, "guardrailVersion": version or "DRAFT", "trace": "enabled"}
