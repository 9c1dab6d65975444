"""Asking a model for a prompt: the rounds of repair, the fallbacks after them, and the cache before them."""

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from treadle.errors import AnswerCut, GateFailed, InputInvalid, OutputInvalid
from treadle.nodes import compositions
from treadle.nodes.caches import cached
from treadle.nodes.confidences import told_under
from treadle.nodes.endings import CUT, cut
from treadle.nodes.exchanges import NOTHING, Exchange, Sent, recorded, text
from treadle.nodes.fingerprints import fingerprint
from treadle.nodes.gates import checked
from treadle.nodes.histories import past
from treadle.nodes.models import model
from treadle.nodes.opinions import Votes, opinion
from treadle.nodes.outputs import VOTES
from treadle.nodes.policies.races import Every
from treadle.nodes.prompts import Prompt
from treadle.nodes.redactions import redacted
from treadle.nodes.replies import read, shortened
from treadle.nodes.steps import Ask, Effect, State, Step, Update
from treadle.nodes.templates import shown

Asking = Generator[Effect, Any, Update]

BEGINNING = 300
"""Characters that a model is shown of an answer of its own that was cut short: what it has room for is little."""


def ask(prompt: Prompt, state: State, config: RunnableConfig) -> Asking:
    """Return a prompt's update for a state: from its cache, or from its model."""
    asking = _Asking(prompt, state, config)
    return asking.whole() if prompt.cache is None else asking.once()


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
                except (AnswerCut, GateFailed, OutputInvalid):
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
        messages, named = compositions.sent(step, self.state), _named(spec)
        for attempt in range(before + 1, before + step.attempts + 1):
            exchange = yield from self._exchange(chat, Sent(step.name, named, attempt, messages, time.time()))
            if exchange.problem is None:
                break
            messages = [*messages, *_repair(exchange)]
        return exchange

    def _exchange(self, chat: BaseChatModel, sent: Sent) -> Generator[Effect, Any, Exchange]:
        try:
            question = compositions.Conversation(messages=sent.messages)
            reply = yield Ask(_asked(self.prompt, chat), question, self.config)
        except AnswerCut as error:  # a model that raises it is told the same as one that hands over what there is
            exchange = shortened(sent.answered(_partial(error)))
            self._record(exchange)
            return exchange
        except Exception as error:
            self._record(sent.failed(error))
            raise
        exchange = read(self.prompt, sent, reply, chat)
        if self.prompt.gates:
            exchange = yield from self._judged(exchange)
        if self.prompt.confidence is not None and exchange.problem is None:
            exchange = yield from self._weighed(chat, exchange)
        self._record(exchange)
        return exchange

    def _judged(self, exchange: Exchange) -> Generator[Effect, Any, Exchange]:
        """Have the gates judge an answer."""
        if exchange.fault is not None:
            return exchange
        checks = yield from checked(self.prompt.gates, exchange.value, self._with(exchange), self.config)
        return replace(exchange, checks=checks)

    def _weighed(self, chat: BaseChatModel, first: Exchange) -> Generator[Effect, Any, Exchange]:
        """Have other opinions say how sure a good answer is: the step that judges it, or more answers, of which the
        one that most agree with is taken.
        """
        wanted, output = self.prompt.confidence, self.prompt.output
        if isinstance(wanted, Step):
            update = yield from wanted.work(self._with(first), self.config)
            return first.weighed(output, opinion(wanted, update), "classifier")
        assert isinstance(wanted, Votes)
        others = yield from self._again(chat, first, wanted.times - 1)
        good = [first, *(other for other in others if other.problem is None and other.error is None)]
        at, count = wanted.winner([one.value for one in good], omit=output.confidences)
        return replace(first, value=good[at].value).weighed(output, count / wanted.times, VOTES)

    def _again(self, chat: BaseChatModel, first: Exchange, times: int) -> Generator[Effect, Any, list[Exchange]]:
        """Ask the same so many times more, at once; what fails says nothing."""
        sent = Sent(first.step, first.spec, first.attempt, first.messages, time.time())
        asked = Ask(_asked(self.prompt, chat), compositions.Conversation(messages=first.messages), self.config)
        replies = yield Every((asked,) * times)
        others = []
        for number, reply in enumerate(replies, 2):
            failed = isinstance(reply, BaseException)
            other = sent.failed(reply) if failed else (yield from self._judged(read(self.prompt, sent, reply, chat)))
            other = replace(other, vote=number)
            self._record(other)
            others.append(other)
        return others

    def _with(self, exchange: Exchange) -> State:
        """The state once the answer is in it."""
        return {**self.state, self.prompt.into: exchange.value}

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
            update[step.history] = [compositions.asked(step, self.state), AIMessage(shown(value))]
        return update


def _asked(prompt: Prompt, chat: BaseChatModel) -> Runnable[Any, Any]:
    if prompt.output.is_text:
        return chat
    measured = prompt.confidence is not None or bool(getattr(chat, "measures_confidence", False))
    schema = prompt.output.asked(measured=measured)
    return chat.with_structured_output(schema, include_raw=True)


def _repair(exchange: Exchange) -> list[BaseMessage]:
    """The turns that tell a model what is wrong with its answer; of one that was cut short only how it began."""
    said = text(exchange.message)
    told = said if exchange.cut is None or len(said) <= BEGINNING else f"{said[:BEGINNING]} ..."
    return [AIMessage(told), HumanMessage(f"That answer cannot be used: {exchange.problem}")]


def _partial(error: AnswerCut) -> AIMessage:
    """What there is of an answer that a model cut short, marked as that."""
    had = error.partial if isinstance(error.partial, AIMessage) else AIMessage(str(error.partial or ""))
    marked = {"finish_reason": "length", **had.response_metadata}
    return had if cut(had) else had.model_copy(update={"response_metadata": marked})


def _failure(step: Prompt, last: Exchange) -> Exception:
    """The error that says what the last answer was and why it cannot be used."""
    if last.cut is not None and last.fault is not None:
        return _short(step, last)
    if last.fault is not None:
        return OutputInvalid(f"{last.fault} (after {last.attempt} attempts)")
    check = last.refusal
    return GateFailed(
        f"step {step.name!r}: its gate {check.gate if check else ''} refuses the answer: {last.problem}, in "
        f"{last.attempt} attempts; the last answer was {shown(last.value)[:300]}"
    )


def _short(step: Prompt, last: Exchange) -> AnswerCut:
    """The error for a last answer that was cut short; it has what there is of it."""
    error = AnswerCut(
        f"step {step.name!r}: the answer of {last.spec} was cut short ({last.cut}), in {last.attempt} attempts; "
        f"{CUT[last.cut or 'length']}"
    )
    error.partial = last.message
    return error


def _named(spec: str | BaseChatModel) -> str:
    return spec if isinstance(spec, str) else type(spec).__name__
