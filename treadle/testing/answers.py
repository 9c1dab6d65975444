"""What a Converse server answers: the request as it came, the answer, and its JSON and its events."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

WORDS = 4
"""Characters that count as one token."""


@dataclass(frozen=True)
class Request:
    """One request to Converse."""

    model: str
    body: Mapping[str, Any]
    stream: bool
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The text of the last message."""
        messages = self.body.get("messages") or [{"content": []}]
        return "".join(block.get("text", "") for block in messages[-1]["content"])

    @property
    def system(self) -> str:
        """The system text."""
        return "".join(block.get("text", "") for block in self.body.get("system") or ())

    @property
    def size(self) -> int:
        """Tokens of system text and messages."""
        return sum(tokens(block["text"]) for block in self.blocks if "text" in block)

    @property
    def tools(self) -> list[str]:
        """The names of the tools that are offered."""
        tools = (self.body.get("toolConfig") or {}).get("tools") or ()
        return [tool["toolSpec"]["name"] for tool in tools if "toolSpec" in tool]

    @property
    def blocks(self) -> Iterator[Mapping[str, Any]]:
        """Every block of system text, tools and messages, in the order in which prompts are cached."""
        yield from (self.body.get("toolConfig") or {}).get("tools") or ()
        yield from self.body.get("system") or ()
        for message in self.body.get("messages") or ():
            yield from message["content"]


@dataclass(frozen=True)
class Answer:
    """What a model says: text, or the arguments of a tool's call (the first tool offered, or `tool`)."""

    text: str = ""
    call: Mapping[str, Any] | None = None
    tool: str | None = None
    stop: str | None = None
    """Why it ends, such as ``max_tokens`` or ``guardrail_intervened``."""
    latency: float | None = None
    """Seconds until the answer, instead of the server's own."""
    tokens: int | None = None
    """Tokens of the answer; without it a quarter of its characters."""

    @property
    def size(self) -> int:
        """Tokens of the answer."""
        said = self.text + (json.dumps(self.call) if self.call is not None else "")
        return tokens(said) if self.tokens is None else self.tokens

    @property
    def reason(self) -> str:
        """Why it ends."""
        return self.stop or ("end_turn" if self.call is None else "tool_use")

    def blocks(self, request: Request) -> list[dict[str, Any]]:
        """The blocks of the message."""
        said = [{"text": self.text}] if self.text or self.call is None else []
        if self.call is None:
            return said
        name = self.tool or next(iter(request.tools), "tool")
        return [*said, {"toolUse": {"toolUseId": "tooluse_1", "name": name, "input": dict(self.call)}}]

    def whole(self, request: Request, usage: Mapping[str, int], milliseconds: int) -> dict[str, Any]:
        """The answer as Converse gives it."""
        return {
            "output": {"message": {"role": "assistant", "content": self.blocks(request)}},
            "stopReason": self.reason,
            "usage": dict(usage),
            "metrics": {"latencyMs": milliseconds},
        }

    def events(
        self, request: Request, usage: Mapping[str, int], milliseconds: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The answer as ConverseStream gives it: names of events with their payloads."""
        yield "messageStart", {"role": "assistant"}
        for index, block in enumerate(self.blocks(request)):
            yield from _pieces(index, block)
            yield "contentBlockStop", {"contentBlockIndex": index}
        yield "messageStop", {"stopReason": self.reason}
        yield "metadata", {"usage": dict(usage), "metrics": {"latencyMs": milliseconds}}


Rule = Callable[[Request], "str | Answer | Mapping[str, Any]"]
"""Makes an answer to a request: an `Answer`, text, a tool's arguments, or ``"!name"`` of a mishap."""


def tokens(text: str) -> int:
    """Return how many tokens a text counts as: a quarter of its characters, at least one."""
    return max(1, len(text) // WORDS)


def answer(given: "str | Answer | Mapping[str, Any]") -> Answer:
    """Return what a rule or a script gave as an answer."""
    if isinstance(given, Answer):
        return given
    return Answer(text=given) if isinstance(given, str) else Answer(call=given)


def _pieces(index: int, block: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "toolUse" in block:
        call = block["toolUse"]
        start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
        yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
        text = json.dumps(call["input"])
        deltas: list[dict[str, Any]] = [{"toolUse": {"input": piece}} for piece in _halves(text)]
    else:
        deltas = [{"text": piece} for piece in _halves(block["text"])]
    for delta in deltas:
        yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}


def _halves(text: str) -> list[str]:
    """Two pieces, so that something has been said before a stream breaks in its middle."""
    middle = len(text) // 2
    return [text[:middle], text[middle:]] if middle else [text]
