"""`ScriptedModel`: answers from a file, for examples and tests that need the same ones every time."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from treadle.errors import ModelUnavailable
from treadle.nodes.chats import Ready, structured

FORM = '[{"when": "regular expression", "say": "an answer, text or JSON"}, ...]'


class ScriptedModel(Ready):
    """Says what the first line says whose pattern is found in the last human message.

    The script is a JSON list of objects: ``when`` is a regular expression (left out: always), ``say`` the answer, as
    text or as JSON. `model("scripted:answers.json")` reads it. Tokens are counted words.

    >>> ScriptedModel(lines=[{"when": "weather", "say": "Fair."}, {"say": "Who knows?"}]).invoke("The weather?").text
    'Fair.'
    """

    lines: list[dict[str, Any]]
    model: str = "scripted"

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def answer(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        """Return what the script says."""
        said = self._line(messages)
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        return AIMessage(text, response_metadata={"model_name": self.model})

    def with_structured_output(
        self, schema: Any, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Answers as JSON, whatever the schema; with ``include_raw`` with the message and what was wrong."""
        return structured(self, _read, include_raw=include_raw)

    def _line(self, messages: Sequence[BaseMessage]) -> Any:
        asked = next((message.text for message in reversed(messages) if message.type == "human"), "")
        for line in self.lines:
            if re.search(str(line.get("when", "")), asked):
                return line["say"]
        raise ModelUnavailable(f"the script has no line for {asked[:200]!r}; add one, or one without 'when'")


def scripted(path: str) -> ScriptedModel:
    """Return the model of a script.

    Raises:
        ModelUnavailable: when the file is missing or no script.
    """
    try:
        lines = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"scripted:{path} cannot be read ({error}); it is JSON: {FORM}") from None
    if not isinstance(lines, list) or not all(isinstance(line, dict) and "say" in line for line in lines):
        raise ModelUnavailable(f"scripted:{path} is no script; it is JSON: {FORM}")
    return ScriptedModel(lines=lines)


def _read(message: AIMessage) -> dict[str, Any]:
    found = json.loads(message.text)
    return found if isinstance(found, dict) else {"value": found}
