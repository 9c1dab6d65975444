"""What an engine says, as LangChain's chunks: text as it comes, and at the end usage, model and confidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGenerationChunk

from treadle.nodes.local.calls import read
from treadle.nodes.local.engines import Chunk
from treadle.nodes.local.grammars import short
from treadle.nodes.probabilities import confidences


@dataclass
class Reply:
    """One answer of an engine while it comes in."""

    model: str
    schema: Mapping[str, Any] | None = None
    """The JSON schema that the answer is held to."""
    tools: bool = False
    """Whether the answer is a turn with tools, which is told only when it is whole."""
    logprobs: bool = False
    """Whether the caller wants every token's log-probabilities."""
    text: str = ""
    tokens: list[Mapping[str, Any]] = field(default_factory=list)
    finish: str | None = None

    def take(self, chunk: Chunk) -> ChatGenerationChunk | None:
        """Take what the engine says next; return what there is to pass on."""
        text = "".join([self._piece(choice) for choice in chunk["choices"]])
        if "usage" in chunk:
            return ChatGenerationChunk(message=self._last(chunk["usage"]))
        return ChatGenerationChunk(message=AIMessageChunk(content=text)) if text and not self.tools else None

    def _piece(self, choice: Mapping[str, Any]) -> str:
        piece = choice["delta"].get("content") or ""
        self.text += piece
        self.tokens += (choice.get("logprobs") or {}).get("content") or ()
        self.finish = choice["finish_reason"] or self.finish
        return piece

    def _last(self, usage: Mapping[str, Any]) -> AIMessageChunk:
        if self.tools and self.finish == "length":
            raise short(self.text)
        content, calls = read(self.text) if self.tools else ("", [])
        return AIMessageChunk(
            content=content,
            tool_call_chunks=calls,
            response_metadata=self._metadata(),
            usage_metadata=_usage(usage),
            chunk_position="last",
        )

    def _metadata(self) -> dict[str, Any]:
        told = {"model_name": self.model, "model_provider": "treadle", "finish_reason": self.finish}
        confidence = confidences(self.schema, self.tokens) if self.schema and self.tokens else {}
        return {
            **told,
            **({"confidence": confidence} if confidence else {}),
            **({"logprobs": {"content": self.tokens}} if self.logprobs else {}),
        }


def _usage(usage: Mapping[str, Any]) -> UsageMetadata:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return UsageMetadata(
        input_tokens=usage["prompt_tokens"],
        output_tokens=usage["completion_tokens"],
        total_tokens=usage["total_tokens"],
        input_token_details=InputTokenDetails(cache_read=cached),
    )
