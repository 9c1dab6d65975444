"""`BedrockModel`: Amazon Bedrock's Converse API at full speed, with no call lost to throttling."""

import re
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeVar, cast

from langchain_aws import ChatBedrockConverse
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables.config import ensure_config

from treadle.errors import ModelFailed
from treadle.nodes.bedrock.advices import Place
from treadle.nodes.bedrock.attempts import Held, Terms, attempted
from treadle.nodes.bedrock.breakers import breaker
from treadle.nodes.bedrock.endings import checked
from treadle.nodes.bedrock.pools import drained
from treadle.nodes.bedrock.prefixes import marked
from treadle.nodes.bedrock.timings import timed
from treadle.nodes.limits import Limit, limit
from treadle.nodes.records import path, place
from treadle.nodes.steps import Effect, Work, adrive, drive

Result = TypeVar("Result")

EXPECTED = 512
"""Tokens that an answer is expected to have where `max_tokens` is not said."""


@dataclass(frozen=True)
class Call:
    """What a model is asked, and for whom."""

    messages: list[BaseMessage]
    stop: list[str] | None
    options: Mapping[str, Any]
    run: str
    step: str

    @property
    def tokens(self) -> float:
        """Tokens of the question, about."""
        return sum(len(message.text) for message in self.messages) / 4


class BedrockModel(ChatBedrockConverse):
    """Amazon Bedrock's Converse API as a chat model; `bedrock` makes it, or ``model("bedrock:<model id>?...")``.

    As many calls run at once as its limit says, from threads and event loops alike. What fails for a passing reason is
    tried again under the limit, `attempts` times at most; a model that stays degraded is left alone for a while, and
    its `fallbacks` answer. An answer that was cut or blocked is an error and not a text.

    Raises, when it is called:
        ModelFailed, ModelThrottled: the service failed to the last attempt, and so did the fallbacks.
        ModelUnavailable: credentials, region, access or model id are wrong; it says what to do.
        RequestRefused, PromptTooLong: the request cannot be answered as it is.
        AnswerCut, AnswerBlocked, OutputInvalid: an answer that is not whole.
    """

    attempts: int = 8
    """How often a call is sent at most, to this model."""
    concurrency: int | None = None
    """Calls at once at most, of all who use the model in this process; 64 where nobody says."""
    requests: float | None = None
    """Requests a minute at most, of all who use the model in this process."""
    tokens: float | None = None
    """Tokens a minute at most, of all who use the model in this process."""
    cached: bool = False
    """Whether long prefixes that calls have in common are marked for the service's prompt cache."""
    transport: Literal["whole", "stream"] = "whole"
    """How an answer that is wanted whole travels; piece by piece, no time-out ends a long one."""
    partial: bool = False
    """Whether an answer that was cut or blocked is returned as it is, and not an error."""
    fallbacks: tuple["BedrockModel", ...] = ()
    """Who answers while it is degraded, in order."""
    slow: float | None = None
    """Seconds from which an answer, or the first words of a stream, counts against the model as a failure does."""

    @property
    def resource(self) -> str:
        """The name of what is limited: a model in a region, or at an endpoint that is not Amazon's."""
        meta = self.client.meta
        at = "" if ".amazonaws." in meta.endpoint_url else f" at {meta.endpoint_url}"
        return f"bedrock:{self.model_id} in {meta.region_name}{at}"

    @property
    def limits(self) -> Limit:
        """The limit that all who use the model in this process share."""
        return limit(self.resource, concurrency=self.concurrency, requests=self.requests, tokens=self.tokens)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        return self._closed(_now(self._held(call, lambda model: lambda: model._once(call))))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        return self._closed(await _soon(self._held(call, lambda model: lambda: model._once(call))))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        held = _now(self._held(call, lambda model: lambda: model._opened(call)))
        with closing(cast(Any, self._pieces(held))) as pieces:
            yield from pieces

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        held = await _soon(self._held(call, lambda model: lambda: model._opened(call)))
        shared = held.terms.limit
        pieces = cast(Any, drained(self._pieces(held), name=shared.name, size=shared.concurrency))
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    def _call(self, messages: Sequence[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]) -> Call:
        thread, namespace = place(ensure_config())
        run, step = thread, path(namespace)
        told = {name: _plain(value) for name, value in (("run", run), ("step", step)) if value}
        if told and "request_metadata" not in options:
            options = {**options, "request_metadata": {**(self.request_metadata or {}), **told}}
        return Call(marked(messages) if self.cached else list(messages), stop, options, run, step)

    def _held(
        self, call: Call, once: "Callable[[BedrockModel], Callable[[], Result]]"
    ) -> Generator[Effect, Any, Held[Result]]:
        """Have a call answered by the first model of the line that is healthy and answers."""
        failed: ModelFailed | None = None
        line = (self, *self.fallbacks)
        for model in line:
            if len(line) > 1 and not breaker(model.resource).allows(time.monotonic()):
                continue
            try:
                return (yield from attempted(once(model), model._terms(call, elsewhere=model is not line[-1])))
            except ModelFailed as error:
                failed = error
        if failed is not None:
            raise failed
        return (yield from attempted(once(self), self._terms(call, elsewhere=False)))

    def _terms(self, call: Call, *, elsewhere: bool) -> Terms:
        expected = call.options.get("max_tokens") or self.max_tokens or EXPECTED
        where = Place(self.model_id, str(self.client.meta.region_name))
        return Terms(
            place=where,
            limit=self.limits,
            breaker=breaker(self.resource),
            attempts=self.attempts,
            owner=(call.run, call.step),
            tokens=call.tokens + expected,
            elsewhere=elsewhere,
            slow=self.slow,
        )

    def _once(self, call: Call) -> ChatResult:
        """Send a call once and wait for the whole answer."""
        if self.transport == "stream":
            return generate_from_stream(super()._stream(call.messages, call.stop, None, **call.options))
        return super()._generate(call.messages, call.stop, None, **call.options)

    def _opened(self, call: Call) -> Iterator[ChatGenerationChunk]:
        """Send a call once and wait for its first words: up to there it can be tried again unseen."""
        pieces = super()._stream(call.messages, call.stop, None, **call.options)
        first = []
        for piece in pieces:
            first.append(piece)
            if piece.message.content:
                break
        return _joined(first, pieces)

    def _closed(self, held: Held[ChatResult]) -> ChatResult:
        """Give the call's place back, and see that the answer is whole."""
        message = held.result.generations[0].message
        held.close(tokens=_spent(message))
        timed(message, queued=held.queued)
        if not self.partial:
            checked(message, held.terms.place)
        return held.result

    def _pieces(self, held: Held[Iterator[ChatGenerationChunk]]) -> Iterator[ChatGenerationChunk]:
        """Pass an answer on, give the call's place back at its end, and see that it is whole."""
        whole: ChatGenerationChunk | None = None
        try:
            for piece in held.result:
                timed(piece.message, queued=held.queued)
                whole = piece if whole is None else whole + piece
                yield piece
        except GeneratorExit:
            held.terms.limit.leave(held.permit)
            raise
        except Exception as error:
            raise held.fail(error) from error
        finally:
            cast(Any, held.result).close()
        held.close(tokens=_spent(whole.message) if whole else None)
        if whole is not None and not self.partial:
            checked(whole.message, held.terms.place)


def _now(work: Generator[Effect, Any, Held[Result]]) -> Held[Result]:
    return cast(Held[Result], drive(cast(Work, work)))


async def _soon(work: Generator[Effect, Any, Held[Result]]) -> Held[Result]:
    return cast(Held[Result], await adrive(cast(Work, work)))


def _joined(first: list[ChatGenerationChunk], rest: Iterator[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
    with closing(cast(Any, rest)):
        yield from chain(first, rest)


def _spent(message: BaseMessage) -> float | None:
    used = message.usage_metadata if isinstance(message, AIMessage) else None
    return float(used["total_tokens"]) if used else None


def _plain(value: str) -> str:
    """What Bedrock takes as a value of request metadata."""
    return re.sub(r"[^a-zA-Z0-9\s:_@$#=/+,.-]", "_", value)[:256]
