"""Asking a model for a prompt: the rounds of repair, the fallbacks after them, and the cache before them."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.runnables import Runnable, RunnableConfig

from treadle.errors import GateFailed, InputInvalid, OutputInvalid
from treadle.nodes.caches import cached
from treadle.nodes.confidences import told_under
from treadle.nodes.exchanges import NOTHING, Exchange, Sent, recorded, text
from treadle.nodes.fingerprints import fingerprint
from treadle.nodes.gates import checked
from treadle.nodes.histories import past
from treadle.nodes.models import model
from treadle.nodes.prompts import Prompt
from treadle.nodes.readings import CUT, lenient
from treadle.nodes.redactions import redacted
from treadle.nodes.steps import Ask, Effect, State, Update
from treadle.nodes.templates import shown

Asking = Generator[Effect, Any, Update]


def ask(prompt: Prompt, state: State, config: RunnableConfig) -> Asking:
    """Return a prompt's update for a state: from its cache, or from its model."""
    asking = _Asking(prompt, state, config)
    return (yield from (asking.whole() if prompt.cache is None else asking.once()))


@dataclass(frozen=True)
class _Asking:
    """One prompt at work on one state."""

    prompt: Prompt
    state: State
    config: RunnableConfig

    def once(self) -> Asking:
        """Do not ask what is known; record that it was known."""
        step, started = self.prompt, time.time()
        assert step.cache is not None
        spec = step.spec(self.config)
        version = fingerprint([replace(step, cache=None), spec])
        known = yield from cached(step.cache, step.name, version, self._inputs(), self.config, self.whole)
        if known.hit:
            sent = Sent(step.name, _named(spec), 1, (), started)
            self._record(sent.answered(NOTHING, value=known.update[step.into], cached=known.hit))
        return known.update

    def whole(self) -> Asking:
        """Ask the model, then whoever `otherwise` names, until an answer is good."""
        step = self.prompt
        last = yield from self._rounds(step.spec(self.config), 0)
        for other in step.otherwise:
            if last.problem is None:
                break
            if isinstance(other, Prompt):
                try:
                    update = yield from other.work(self.state, self.config)
                except (GateFailed, OutputInvalid):
                    continue
                return self._update(replace(last, value=update[other.into], fault=None, checks=()))
            last = yield from self._rounds(other, last.attempt)
        if last.problem is not None and step.person is None:
            raise _failure(step, last)
        return self._update(last)

    def _inputs(self) -> dict[str, Any]:
        """What the answer depends on besides the step itself: what it reads, its history, a reviewer's words."""
        step = self.prompt
        inputs = {key: self.state.get(key) for key in (*step.reads, f"{step.into}_reviews") if key in self.state}
        if step.history:
            turns = past(self.state.get(step.history), step=step.name)
            inputs[step.history] = [[turn.type, turn.content] for turn in turns]
        return inputs

    def _rounds(self, spec: str | BaseChatModel, before: int) -> Generator[Effect, Any, Exchange]:
        """Ask one model, telling it what is wrong with its answer, up to `attempts` times; return the last exchange."""
        step, chat = self.prompt, model(spec)
        if step.attach and getattr(chat, "reads_only_text", False):
            raise InputInvalid(f"step {step.name!r} attaches files, and the model {_named(spec)} reads only text")
        messages, named = step.messages(self.state), _named(spec)
        for attempt in range(before + 1, before + step.attempts + 1):
            exchange = yield from self._exchange(chat, Sent(step.name, named, attempt, messages, time.time()))
            if exchange.problem is None:
                break
            told = HumanMessage(f"That answer cannot be used: {exchange.problem}")
            messages = [*messages, AIMessage(text(exchange.message)), told]
        return exchange

    def _exchange(self, chat: BaseChatModel, sent: Sent) -> Generator[Effect, Any, Exchange]:
        try:
            question = ChatPromptValue.model_construct(messages=sent.messages)  # they are messages: nothing to check
            reply = yield Ask(_asked(self.prompt, chat), question, self.config)
        except Exception as error:
            self._record(sent.failed(error))
            raise
        exchange = _read(self.prompt, sent, reply)
        if exchange.fault is None and self.prompt.gates:
            state = {**self.state, self.prompt.into: exchange.value}
            checks = yield from checked(self.prompt.gates, exchange.value, state, self.config)
            exchange = replace(exchange, checks=checks)
        self._record(exchange)
        return exchange

    def _record(self, exchange: Exchange) -> None:
        if not recorded(self.config):
            return
        redaction = redacted(self.prompt.redact, self.state, self.config)
        exchange.record(self.config, redaction.also(self.prompt.into, exchange.value or text(exchange.message)))

    def _update(self, last: Exchange) -> Update:
        """What the step writes: the answer; what is wrong with it, for a person; the turns, for the history."""
        step = self.prompt
        value = last.value if last.fault is None else text(last.message)
        update: Update = {step.into: value}
        if step.person is not None:
            update[step.problem] = last.problem
        if step.tells:
            update[told_under(step.into)] = last.source
        if step.history:
            update[step.history] = [step.asked(self.state), AIMessage(shown(value))]
        return update


def _asked(prompt: Prompt, chat: BaseChatModel) -> Runnable[Any, Any]:
    if prompt.output.is_text:
        return chat
    schema = prompt.output.asked(measured=bool(getattr(chat, "measures_confidence", False)))
    return chat.with_structured_output(schema, include_raw=True)


def _read(prompt: Prompt, sent: Sent, reply: Any) -> Exchange:
    """Make of a reply what the output declares, or say what is wrong with it."""
    if prompt.output.is_text:
        return sent.answered(reply, value=text(reply))
    exchange, parsed, failure = sent.answered(reply["raw"]), reply["parsed"], reply["parsing_error"]
    if failure is not None or parsed is None:
        return _leniently(prompt, exchange, failure)
    try:
        return _measured(prompt, exchange, prompt.output.parse(parsed))
    except OutputInvalid as error:
        return replace(exchange, fault=str(error))


def _leniently(prompt: Prompt, exchange: Exchange, failure: Any) -> Exchange:
    """Read an answer that is no JSON once more, for what it means; what does not fit then is a fault."""
    said, told = text(exchange.message), exchange.message.response_metadata
    cut = bool({told.get(name) for name in ("finish_reason", "stop_reason", "stopReason")} & CUT)
    for found in () if cut else _meanings(prompt, said):
        try:
            return replace(_measured(prompt, exchange, prompt.output.parse(found)), lenient=True)
        except OutputInvalid:
            continue
    why = "it ended before it was complete" if cut else failure or "it is empty"
    return replace(exchange, fault=f"step {prompt.name!r}: the answer is not the JSON asked for ({why})")


def _meanings(prompt: Prompt, said: str) -> Sequence[Any]:
    """What an answer may mean: almost-JSON, or for an output that is a single value that value alone."""
    bare = [] if prompt.output.is_object else [said.strip().strip("`\"'").strip()]
    return [*(lenient(said) or ()), *(one for one in bare if one)]


def _measured(prompt: Prompt, exchange: Exchange, value: Any) -> Exchange:
    confidence = exchange.message.response_metadata.get("confidence") or {}
    measured = prompt.output.measure(value, confidence)
    return replace(exchange, value=measured, source=_source(prompt, exchange, measured))


def _source(prompt: Prompt, exchange: Exchange, value: Any) -> str | None:
    """Where the confidence in an answer comes from, if it has any."""
    told = exchange.message.response_metadata
    if told.get("confidence"):
        return str(told.get("confidence_source") or "log-probability")
    said = isinstance(value, dict) and any(value.get(name) is not None for name in prompt.output.confidences)
    return "self-reported" if said else None


def _failure(step: Prompt, last: Exchange) -> Exception:
    """The error that says what the last answer was and why it cannot be used."""
    if last.fault is not None:
        return OutputInvalid(f"{last.fault} (after {last.attempt} attempts)")
    check = last.refusal
    return GateFailed(
        f"step {step.name!r}: its gate {check.gate if check else ''} refuses the answer: {last.problem}, in "
        f"{last.attempt} attempts; the last answer was {shown(last.value)[:300]}"
    )


def _named(spec: str | BaseChatModel) -> str:
    return spec if isinstance(spec, str) else type(spec).__name__
