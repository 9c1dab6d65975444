"""`ScriptedModel`: says what a file says, for examples and tests that need no model."""

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda
from pydantic import Field, PrivateAttr

from treadle.errors import ModelUnavailable


class ScriptedModel(BaseChatModel):
    """Answers from a JSON file: a list of replies, used one by one, the last for ever; text or the data asked for.

    A reply ``{"when": "<regular expression>", "say": ...}`` is used, as often as it is asked for, where the last
    message has what the expression looks for; the first that fits wins over those that are used one by one.

    Raises:
        ModelUnavailable: the file is not there, is not such a list, or has no reply for a question.
    """

    path: str
    delay: float = Field(default=0.0, ge=0)
    """Seconds that an answer takes."""
    _rules: list[tuple[re.Pattern[str], Any]] = PrivateAttr(default_factory=list)
    _replies: list[Any] = PrivateAttr(default_factory=list)
    _mutex: Any = PrivateAttr(default_factory=threading.Lock)

    def model_post_init(self, context: Any) -> None:
        """Read the file."""
        for reply in _read(self.path):
            if isinstance(reply, dict) and set(reply) == {"when", "say"}:
                self._rules.append((re.compile(reply["when"], re.DOTALL), reply["say"]))
            else:
                self._replies.append(reply)

    @property
    def _llm_type(self) -> str:
        return "treadle-scripted"

    def with_structured_output(self, schema: Any, *, include_raw: bool = False, **kwargs: Any) -> Runnable[Any, Any]:
        """Give the data that the file has; it is not checked against the schema here."""

        def read(message: AIMessage) -> Any:
            try:
                parsed, failure = json.loads(message.text), None
            except ValueError as error:
                parsed, failure = None, error
            return {"raw": message, "parsed": parsed, "parsing_error": failure} if include_raw else parsed

        return self | RunnableLambda(read)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        time.sleep(self.delay)
        reply = self._reply(messages[-1].text)
        text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
        asked, said = sum(len(message.text.split()) for message in messages), len(text.split())
        message = AIMessage(
            text,
            response_metadata={"model_name": f"scripted:{Path(self.path).name}"},
            usage_metadata={"input_tokens": asked, "output_tokens": said, "total_tokens": asked + said},
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _reply(self, question: str) -> Any:
        for pattern, say in self._rules:
            if pattern.search(question):
                return say
        with self._mutex:
            if not self._replies:
                raise ModelUnavailable(f"the script {self.path} has no reply to {question[:200]!r}; add one")
            return self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]


def _read(path: str) -> list[Any]:
    try:
        replies = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelUnavailable(f"the script {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelUnavailable(f"the script {path} is not JSON: {error}") from error
    if not isinstance(replies, list) or not replies:
        raise ModelUnavailable(f"the script {path} is not a list of replies")
    return replies
