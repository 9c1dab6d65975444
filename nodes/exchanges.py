"""One exchange with a model, and what the trace keeps of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import RunnableConfig

from treadle.nodes.attachments import told
from treadle.nodes.emissions import emit, listening
from treadle.nodes.endings import cut
from treadle.nodes.gates import Check
from treadle.nodes.outputs import Output
from treadle.nodes.prices import cost
from treadle.nodes.records import path, place, recorder
from treadle.nodes.redactions import Redaction
from treadle.nodes.templates import shown

NOTHING = AIMessage("")
"""What stands for an answer until there is one."""


@dataclass(frozen=True)
class Sent:
    """What a model was sent."""

    step: str
    spec: str
    """The model's name as the step or the run asked for it."""
    attempt: int
    messages: Sequence[BaseMessage]
    started: float
    """When it was sent, in seconds since 1970."""

    def answered(self, reply: BaseMessage, **more: Any) -> "Exchange":
        """Return the exchange with the model's message, and what is known of it, timed to now."""
        message = reply if isinstance(reply, AIMessage) else AIMessage(reply.text)
        took = time.time() - self.started
        return Exchange(self.step, self.spec, self.attempt, self.messages, self.started, took, message, **more)

    def failed(self, error: BaseException) -> "Exchange":
        """Return the exchange with what the model raised, timed to now."""
        return self.answered(NOTHING, error=f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Exchange(Sent):
    """What was sent, what came back, and what was made of it."""

    seconds: float
    message: AIMessage
    value: Any = None
    fault: str | None = None
    """Why the answer does not fit the output, in words for the model."""
    lenient: bool = False
    """Whether the answer was almost JSON and was read for what it means."""
    checks: tuple[Check, ...] = ()
    error: str | None = None
    """What the model raised instead of an answer."""
    cached: str | None = None
    """Where the answer was known from: ``cache``, or ``flight`` for an equal call that was under way."""
    confidence: Mapping[str, float] | None = None
    """How sure it is, by the path of what it is sure of."""
    source: str | None = None
    """Where that is known from."""
    vote: int | None = None
    """Which answer it was of several to the same question, from 2."""

    @property
    def cut(self) -> str | None:
        """The model's word for it where the answer ended because there was no room for more."""
        return cut(self.message)

    @property
    def refusal(self) -> Check | None:
        """The first gate that refused the answer."""
        return next((check for check in self.checks if check.problem is not None), None)

    @property
    def problem(self) -> str | None:
        """Why the answer cannot be used, in words for the model, or None."""
        refusal = self.refusal if self.checks else None
        return self.fault or (refusal.problem if refusal else None)

    def weighed(self, output: Output, confidence: float, source: str) -> "Exchange":
        """Return the exchange with another opinion's confidence in it."""
        found = dict.fromkeys(output.confidences, round(confidence, 3))
        return replace(self, value=output.measure(self.value, found), confidence=found, source=source)

    def record(self, config: RunnableConfig, redaction: Redaction) -> None:
        """Keep it in the run's trace, and tell OpenTelemetry; prompt and response as far as the redaction lets them."""
        store = recorder(config)
        thread_id, namespace = place(config)
        entry = self.entry(namespace, redaction)
        if store is not None:
            store.trace(thread_id, entry)
        emit({**entry, **({"thread": thread_id} if thread_id else {})}, spec=self.spec)

    def entry(self, namespace: str, redaction: Redaction) -> dict[str, Any]:
        """Return the trace's record: plain data."""
        return {
            "step": self.step,
            "path": path(namespace),
            "ns": namespace,
            "attempt": self.attempt,
            **self._said(redaction),
            **self._used(),
            "at": self.started,
        }

    def _said(self, redaction: Redaction) -> dict[str, Any]:
        def kept(words: str | None) -> str | None:
            return None if words is None else redaction.text(words) or "(left out)"

        return {
            "messages": [] if redaction.whole else [_turn(sent, redaction) for sent in self.messages],
            "response": redaction.text(text(self.message)),
            "parsed": redaction.value(self.value),
            "gate": kept(self.problem),
            "gates": [{"gate": check.gate, "problem": kept(check.problem)} for check in self.checks],
            "error": kept(self.error),
            **({"redacted": list(redaction.keys)} if redaction.keys else {}),
        }

    def _used(self) -> dict[str, Any]:
        used: Mapping[str, Any] = self.message.usage_metadata or {}
        told_: Mapping[str, Any] = self.message.response_metadata
        model = told_.get("model_name") or told_.get("model_id") or (self.spec if self.cached else None)
        queued = float(told_.get("queue_seconds") or 0.0)
        return {
            "model": model,
            "tokens_in": used.get("input_tokens", 0),
            "tokens_out": used.get("output_tokens", 0),
            "tokens_cached": (used.get("input_token_details") or {}).get("cache_read", 0),
            "cost": 0.0 if self.cached else cost(model or self.spec, used),
            "seconds": round(self.seconds, 6),
            "seconds_queue": round(queued, 6),
            "seconds_model": round(float(told_.get("model_seconds") or max(0.0, self.seconds - queued)), 6),
            "confidence": dict(self.confidence) if self.confidence else None,
            "confidence_source": self.source,
            **({"lenient": True} if self.lenient else {}),
            **({"cut": True} if self.cut else {}),
            **({"cached": self.cached} if self.cached else {}),
            **({"vote": self.vote} if self.vote else {}),
        }


def recorded(config: RunnableConfig) -> bool:
    """Whether anybody keeps what is exchanged: the run's store, or OpenTelemetry."""
    return recorder(config) is not None or listening()


def text(message: BaseMessage) -> str:
    """Return a message's text; for a structured answer that came as a tool call, its arguments."""
    words = message.text
    if words or not isinstance(message, AIMessage):
        return words
    if message.tool_calls:
        return shown(message.tool_calls[0]["args"])
    return str(message.invalid_tool_calls[0]["args"] or "") if message.invalid_tool_calls else ""


def _turn(sent: BaseMessage, redaction: Redaction) -> dict[str, Any]:
    parts: list[Any] = sent.content if isinstance(sent.content, list) else []
    files = [told(part) for part in parts if isinstance(part, dict) and part.get("type") != "text"]
    turn = {"role": sent.type, "content": redaction.text(text(sent))}
    return {**turn, "attachments": files} if files else turn
