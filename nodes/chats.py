"""What LangChain asks of a chat model that has its answer whole at once: streams of it, and structured output."""

import re
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda

from treadle.errors import OutputInvalid


class Ready(BaseChatModel):
    """A chat model that answers at once and without waiting for anything: `answer` says what.

    A stream tells the answer word by word; its last piece carries usage and metadata.
    """

    reads_only_text: ClassVar[bool] = True

    @abstractmethod
    def answer(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        """Return the answer to a conversation; `options` are what the caller bound or gave, such as a schema."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._cut(messages, stop, kwargs))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)  # milliseconds: a thread would cost more than it gives

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in _pieces(self._cut(messages, stop, kwargs)):
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
        for chunk in _pieces(self._cut(messages, stop, kwargs)):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _cut(
        self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, options: Mapping[str, Any]
    ) -> AIMessage:
        """The answer up to the first stop word, with its words counted as tokens."""
        said = self.answer(messages, options)
        text = str(said.text)
        for word in stop or ():
            text = text.split(word)[0] if word else text
        return said.model_copy(update={"content": text, "usage_metadata": _usage(messages, text)})


def structured(
    bound: Runnable[LanguageModelInput, Any], read: Callable[[AIMessage], Any], *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Return a model whose message is read as data: what `read` gives, or with `include_raw` also the message itself.

    Then the result is ``{"raw": message, "parsed": value or None, "parsing_error": error or None}``.
    """

    def both(message: AIMessage) -> dict[str, Any]:
        try:
            return {"raw": message, "parsed": read(message), "parsing_error": None}
        except (OutputInvalid, ValueError) as error:
            return {"raw": message, "parsed": None, "parsing_error": error}

    return bound | RunnableLambda(both if include_raw else read)


def _usage(messages: Sequence[BaseMessage], text: str) -> UsageMetadata:
    words_in, words_out = sum(len(message.text.split()) for message in messages), len(text.split())
    return UsageMetadata(input_tokens=words_in, output_tokens=words_out, total_tokens=words_in + words_out)


def _pieces(message: AIMessage) -> Iterator[ChatGenerationChunk]:
    for piece in re.findall(r"\S+\s*|\s+", message.text):
        yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
    yield ChatGenerationChunk(
        message=AIMessageChunk(
            content="",
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata,
            chunk_position="last",
        )
    )
