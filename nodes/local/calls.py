"""Tool calls of a local model, by grammar: the answer is JSON that is either a call or plain words."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk

from treadle.errors import OutputInvalid
from treadle.nodes.local.grammars import lean

Tool = Mapping[str, Any]
"""A tool in OpenAI's form: ``{"type": "function", "function": {"name", "description", "parameters"}}``."""

ANSWER: dict[str, Any] = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def calls(tools: Sequence[Tool], choice: str | None = None) -> dict[str, Any]:
    """The JSON schema of a turn: a call of one of the tools, or an answer in words.

    ``choice`` is ``auto`` (as None), ``any``, or the name of the tool that must be called.

    Raises:
        ValueError: the chosen tool is not among the tools.
    """
    named = [tool for tool in tools if choice in (None, "auto", "any") or _function(tool)["name"] == choice]
    if not named:
        raise ValueError(f"tool_choice={choice!r} names none of {[_function(tool)['name'] for tool in tools]}")
    return {"anyOf": [*map(_call, named), *([ANSWER] if choice in (None, "auto") else [])]}


def told(tools: Sequence[Tool], choice: str | None = None) -> str:
    """The words that tell a model of its tools."""
    lines = [json.dumps({**_function(tool), "parameters": lean(_parameters(tool))}) for tool in tools]
    words = ' or, when no tool helps or its result is there, with {"answer": "..."}' if choice in (None, "auto") else ""
    return "\n".join(
        ["You have these tools:", *lines, f'Answer with {{"name": TOOL, "arguments": {{...}}}} to call one{words}.']
    )


def read(text: str) -> tuple[str, list[ToolCallChunk]]:
    """The words and the calls of a turn.

    Raises:
        OutputInvalid: the turn is not JSON of the schema.
    """
    try:
        turn = json.loads(text)
        if "answer" in turn:
            return turn["answer"], []
        called, arguments = turn["name"], json.dumps(turn["arguments"])
    except (ValueError, LookupError, TypeError) as error:
        raise OutputInvalid(f"the local model's turn is neither a tool call nor an answer: {text[:200]!r}") from error
    return "", [tool_call_chunk(name=called, args=arguments, id=f"call_{uuid.uuid4().hex}", index=0)]


def _call(tool: Tool) -> dict[str, Any]:
    name = {"type": "string", "enum": [_function(tool)["name"]]}
    return {
        "type": "object",
        "properties": {"name": name, "arguments": _parameters(tool)},
        "required": ["name", "arguments"],
    }


def _function(tool: Tool) -> Mapping[str, Any]:
    found: Mapping[str, Any] = tool["function"]
    return found


def _parameters(tool: Tool) -> dict[str, Any]:
    return {"type": "object", "properties": {}, **_function(tool).get("parameters", {})}
