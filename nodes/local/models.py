"""`LocalModel`: a small language model on this machine's CPU, as a LangChain chat model."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, ClassVar, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field

from treadle.nodes.chats import structured
from treadle.nodes.local import calls, grammars
from treadle.nodes.local.engines import Engine, engine
from treadle.nodes.local.openings import Opening, cpus
from treadle.nodes.local.replies import Reply
from treadle.nodes.local.turns import turns
from treadle.nodes.local.weights import DEFAULT, KNOWN, find
from treadle.nodes.probabilities import offers

ALTERNATIVES = 20
"""How many of the likeliest tokens are asked for in each place, to tell a confidence from."""

CONTEXT = 8192
"""Tokens that weights which treadle does not know are opened for."""

OPTIONS = frozenset(
    {"temperature", "max_tokens", "top_p", "seed", "logprobs", "response_format", "tools", "tool_choice", "stream"}
)


class LocalModel(BaseChatModel):
    """A small language model on this machine's CPU: no account, no network.

    Takes text, gives text, JSON held to a schema by a grammar (`with_structured_output`), or tool calls (`bind_tools`).
    ``response_metadata["confidence"]`` of a structured answer has the probability of each enum, literal or boolean
    value by its path, such as ``{"risk": 0.83}``. One engine a process serves models of equal weights and size; calls
    beyond its slots wait their turn. A prompt that the context cannot hold raises PromptTooLong; weights that are not
    here raise ModelUnavailable, with the commands that would help.
    """

    reads_only_text: ClassVar[bool] = True

    measures_confidence: ClassVar[bool] = True

    weights: str = DEFAULT
    """The name of known weights, or the path of a GGUF file."""
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=1024, gt=0)
    """Tokens of an answer at most; data that would need more is refused, and a step refuses a text as well."""
    partial: bool = False
    """Whether a step takes a text that was cut short as it is."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    stop: list[str] | None = None
    logprobs: bool = False
    """Whether ``response_metadata["logprobs"]`` has each token with its likeliest alternatives."""
    n_ctx: int | None = Field(default=None, ge=256)
    """Tokens of prompt and answer together; without it what suits the weights (8192; 4096 for the smallest)."""
    threads: int | None = Field(default=None, ge=1)
    """Threads that compute; without it one less than the processors, since they spin while they wait for each other."""
    slots: int | None = Field(default=None, ge=1)
    """Calls that run at the same time; without it one up to three processors, then one for two, at most four."""

    @property
    def model_name(self) -> str:
        """The name of the weights."""
        return self.weights

    @property
    def _llm_type(self) -> str:
        return "treadle-local"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        named = ("temperature", "max_tokens", "top_p", "seed", "n_ctx")
        return {"model_name": self.weights, **{name: getattr(self, name) for name in named}}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the model call tools, one a turn: the grammar holds it to a call or an answer in words.

        ``tool_choice`` is ``auto``, ``any`` (or ``required``, or True), ``none``, or the name of the tool to call.
        ``strict`` is always so.

        Raises:
            ValueError: ``tool_choice`` names none of the tools.
        """
        formal = [convert_to_openai_tool(tool) for tool in tools]
        choice = _choice(tool_choice)
        if choice == "none":
            return self.bind(**kwargs)
        calls.calls(formal, choice)
        return self.bind(tools=formal, tool_choice=choice, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: Literal["json_schema", "function_calling", "json_mode"] = "json_schema",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Hold the answer to a schema by a grammar, so that it is always valid; every ``method`` does that.

        A pydantic model or dataclass gives instances, a TypedDict or JSON schema gives plain data. With ``include_raw``
        the result is ``{"raw": message, "parsed": value or None, "parsing_error": error or None}``.

        Raises:
            AnswerCut: (when it runs) the answer ended before it was whole.
            OutputInvalid: (when it runs) the answer misses what only pydantic checks.
        """
        shape = grammars.shape(schema)
        asked = {"type": "json_schema", "json_schema": {"name": "answer", "schema": shape.schema}}
        traced = {"kwargs": {"method": method}, "schema": schema if isinstance(schema, type) else shape.schema}
        held = self.bind(response_format=asked, ls_structured_output_format=traced, **kwargs)
        return structured(held, shape.read, include_raw=include_raw)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop, **kwargs))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        request, reply = self._asked(messages, stop, kwargs)
        with closing(self._engine().chunks(request)) as said:
            for chunk in filter(None, map(reply.take, said)):
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        request, reply = self._asked(messages, stop, kwargs)
        async with aclosing(self._engine().achunks(request)) as said:
            async for heard in said:
                if chunk := reply.take(heard):
                    if run_manager:
                        await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    def _asked(
        self, messages: list[BaseMessage], stop: list[str] | None, options: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Reply]:
        """The engine's request, and the reply that will take what it says."""
        if unknown := sorted(set(options) - OPTIONS):
            raise ValueError(f"a local model has no option {unknown[0]!r}; it has {', '.join(sorted(OPTIONS))}")
        tools, choice = options.get("tools"), options.get("tool_choice")
        schema = calls.calls(tools, choice) if tools else grammars.asked(options.get("response_format"))
        told = calls.told(tools, choice) if tools else grammars.told(schema) if schema else None
        reply = Reply(self.weights, schema, tools=bool(tools), logprobs=bool(options.get("logprobs", self.logprobs)))
        request = {**self._sampling(options), "messages": turns(messages, told=told), "stop": stop or self.stop or []}
        if schema:
            request["grammar"] = grammars.grammar(schema)
        if reply.logprobs or (schema and offers(schema)):
            request |= {"logprobs": True, "top_logprobs": ALTERNATIVES}
        return request, reply

    def _sampling(self, options: Mapping[str, Any]) -> dict[str, Any]:
        named = ("temperature", "max_tokens", "top_p", "seed")
        chosen = {name: options.get(name, getattr(self, name)) for name in named}
        given = {name: value for name, value in chosen.items() if value is not None}
        # Progress is asked for because only what the engine says gives an occasion to stop it.
        return {**given, "stream": True, "stream_options": {"include_usage": True}, "return_progress": True}

    def _engine(self) -> Engine:
        suits = KNOWN[self.weights].context if self.weights in KNOWN else CONTEXT
        slots = self.slots or (1 if cpus() <= 3 else min(4, cpus() // 2))
        threads = self.threads or max(1, cpus() - 1)
        return engine(Opening(find(self.weights), self.n_ctx or suits, threads, slots))


def _choice(tool_choice: str | dict[str, Any] | bool | None) -> str | None:
    if isinstance(tool_choice, dict):
        return str(tool_choice["function"]["name"])
    if isinstance(tool_choice, bool):
        return "any" if tool_choice else None
    return "any" if tool_choice == "required" else tool_choice
