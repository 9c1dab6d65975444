"""`prompt`: one question to a model as a step, with a typed answer, a gate, and the whole exchange recorded."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig

from treadle.errors import GateFailed, GraphBuildError, OutputInvalid
from treadle.nodes.gates import Gate, problem
from treadle.nodes.models import choose, model
from treadle.nodes.outputs import Output
from treadle.nodes.records import path, place, recorder
from treadle.nodes.steps import Ask, State, Step, Work
from treadle.nodes.templates import Template, shown


@dataclass(frozen=True)
class Prompt(Step):
    """One question to a model. Made by `prompt`."""

    name: str
    template: Template
    output: Output
    into: str
    system: Template | None = None
    model: str | BaseChatModel | None = None
    gate: Gate | None = None
    attempts: int = 2
    examples: tuple[tuple[str, Any], ...] = field(default=())

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys that the template and the system text name."""
        return tuple(dict.fromkeys(self.template.keys + (self.system.keys if self.system else ())))

    @property
    def writes(self) -> Mapping[str, Any]:
        """The key that the answer goes to, with the declared type of its plain data."""
        return {self.into: self.output.declared if not isinstance(self.output.declared, Mapping) else dict}

    def messages(self, state: State) -> list[BaseMessage]:
        """Return what the model is sent: system text, examples, the filled template, and a reviewer's rejections."""
        system = [SystemMessage(self.system.fill(state))] if self.system else []
        examples = [
            message
            for question, answer in self.examples
            for message in (HumanMessage(question), AIMessage(shown(answer)))
        ]
        return [*system, *examples, HumanMessage(self.template.fill(state)), *self._rejections(state)]

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Ask, check, and ask again with the problem told, up to `attempts` times.

        Raises:
            OutputInvalid: when the last answer does not fit the output.
            GateFailed: when the gate refuses the last answer; the message names step, gate, value and attempts.
        """
        chat = self._chat(config)
        messages = self.messages(state)
        for attempt in range(1, self.attempts + 1):
            started = time.time()
            reply = yield Ask(self._asked(chat), messages, config)
            message, value, fault = self._read(reply)
            refused = None if fault else self._refusal(value)
            self._record(config, messages, message, value, fault or refused, attempt, started)
            if not (fault or refused):
                return {self.into: value}
            messages = [
                *messages,
                AIMessage(_text(message)),
                HumanMessage(f"That answer cannot be used: {fault or refused}"),
            ]
        if fault:
            raise OutputInvalid(f"{fault} (after {self.attempts} attempts)")
        raise GateFailed(
            f"step {self.name!r}: {refused}, in {self.attempts} attempts; the last answer was {shown(value)[:300]}"
        )

    def _chat(self, config: RunnableConfig) -> BaseChatModel:
        return model(self.model or config.get("configurable", {}).get("model") or choose().spec)

    def _asked(self, chat: BaseChatModel) -> Runnable[Any, Any]:
        if self.output.is_text:
            return chat
        schema = self.output.asked(measured=bool(getattr(chat, "measures_confidence", False)))
        return chat.with_structured_output(schema, include_raw=True)

    def _read(self, reply: Any) -> tuple[AIMessage, Any, str | None]:
        """Return the model's message, the plain value, and what is wrong with it if something is."""
        if self.output.is_text:
            return reply, _text(reply), None
        message, parsed, failure = reply["raw"], reply["parsed"], reply["parsing_error"]
        if failure is not None or parsed is None:
            return (
                message,
                None,
                f"step {self.name!r}: the answer is not the JSON asked for ({failure or 'it is empty'})",
            )
        try:
            value = self.output.parse(parsed)
        except OutputInvalid as error:
            return message, None, str(error)
        return message, self.output.measure(value, message.response_metadata.get("confidence") or {}), None

    def _refusal(self, value: Any) -> str | None:
        return problem(self.gate, value) if self.gate is not None else None

    def _rejections(self, state: State) -> list[BaseMessage]:
        """The turns that tell the model what a reviewer said of its earlier answers."""
        rounds = [entry for entry in state.get(f"{self.into}_reviews") or () if entry["action"] == "reject"]
        return [
            turn for entry in rounds for turn in (AIMessage(shown(entry["proposal"])), HumanMessage(_rejection(entry)))
        ]

    def _record(
        self,
        config: RunnableConfig,
        messages: Sequence[BaseMessage],
        message: AIMessage,
        value: Any,
        refused: str | None,
        attempt: int,
        started: float,
    ) -> None:
        store = recorder(config)
        if store is None:
            return
        thread_id, namespace = place(config)
        used: Mapping[str, Any] = message.usage_metadata or {}
        details: Mapping[str, Any] = used.get("input_token_details") or {}
        store.trace(
            thread_id,
            {
                "step": self.name,
                "path": path(namespace),
                "ns": namespace,
                "attempt": attempt,
                "messages": [{"role": sent.type, "content": _text(sent)} for sent in messages],
                "response": _text(message),
                "parsed": value,
                "gate": refused,
                "model": message.response_metadata.get("model_name") or message.response_metadata.get("model_id"),
                "tokens_in": used.get("input_tokens", 0),
                "tokens_out": used.get("output_tokens", 0),
                "tokens_cached": details.get("cache_read", 0),
                "seconds": round(time.time() - started, 6),
                "confidence": message.response_metadata.get("confidence"),
                "at": started,
            },
        )


def prompt(
    name: str,
    template: str,
    *,
    output: Any = str,
    model: str | BaseChatModel | None = None,
    system: str | None = None,
    gate: Gate | None = None,
    attempts: int = 2,
    into: str | None = None,
    examples: Sequence[tuple[str, Any]] = (),
) -> Prompt:
    """Ask a model one question, as a step.

    `template` and `system` name state keys in braces. The answer goes to the key `into` (default: `name`) as plain
    data: text, or what `output` declares (a pydantic model, TypedDict, dataclass, ``list[...]``, ``Literal[...]``,
    number, or a JSON Schema). An answer that does not fit, or that `gate` refuses, is sent back to the model with the
    problem, at most `attempts` times in all. `examples` are pairs of a question and its right answer. Without `model`,
    the run's ``configurable`` names one under ``model``; without that, `treadle.nodes.choose` does.

    Where a review sends an answer back, the reviewer's words are added to the conversation.

    >>> ask = prompt("summary", "Sum up in a sentence:\\n{text}", model="rules")
    >>> ask.reads, list(ask.writes)
    (('text',), ['summary'])

    Raises:
        GraphBuildError: for a template that cannot be filled, fewer than one attempt, or an output without a schema.
    """
    if not name.replace("-", "_").isidentifier():
        raise GraphBuildError(f"prompt {name!r}: a name is a word of letters, digits, '_' and '-'")
    if attempts < 1:
        raise GraphBuildError(f"prompt {name!r}: attempts={attempts}; at least one is needed")
    declared = Output(output, name)
    if not declared.is_text:
        json.dumps(declared.schema)
    return Prompt(
        name=name,
        template=Template(template, name),
        output=declared,
        into=into or name.replace("-", "_"),
        system=Template(system, name) if system else None,
        model=model,
        gate=gate,
        attempts=attempts,
        examples=tuple(examples),
    )


def _text(message: BaseMessage) -> str:
    """The message's text; for a structured answer that came as a tool call, its arguments."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return message.text or (shown(calls[0]["args"]) if calls else "")


def _rejection(entry: Mapping[str, Any]) -> str:
    told = ". ".join(str(part).rstrip(".") for part in (entry.get("reason"), entry.get("words")) if part)
    return f"A reviewer rejected this answer: {told or 'no reason was given'}. Answer again, taking that into account."
