"""A chat model that answers from a function, for tests that need to say what the model says."""

import json
from collections.abc import Callable
from typing import Any

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field


class ScriptedModel(BaseChatModel):
    """Replies with what `script` makes of the whole conversation; anything but text is sent as JSON."""

    script: Callable[[str], Any]
    measures_confidence: bool = False
    confidence: dict[str, float] = {}  # noqa: RUF012 - a pydantic field
    room: int | None = None
    """Characters of an answer at most; what is longer is cut there, and said to be."""
    partial: bool = False
    calls: list[list[BaseMessage]] = Field(default_factory=list, exclude=True)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        self.calls.append(messages)
        reply = self.script("\n".join(message.text for message in messages))
        text = reply if isinstance(reply, str) else json.dumps(reply)
        ended = "length" if self.room is not None and len(text) > self.room else "stop"
        message = AIMessage(
            text[: self.room],
            response_metadata={"model_name": "scripted", "confidence": self.confidence, "finish_reason": ended},
            usage_metadata={"input_tokens": 7, "output_tokens": 3, "total_tokens": 10},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **_: Any
    ) -> Runnable[LanguageModelInput, Any]:
        assert include_raw
        return self.bind(schema=schema) | RunnableLambda(_parsed)


def _parsed(message: AIMessage) -> dict[str, Any]:
    try:
        return {"raw": message, "parsed": json.loads(message.text), "parsing_error": None}
    except ValueError as error:
        return {"raw": message, "parsed": None, "parsing_error": error}
