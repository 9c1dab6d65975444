"""`RulesModel`: the embedded model that needs nothing, made of word lists and TextRank; it is no language model."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from treadle.nodes.chats import Ready, structured
from treadle.nodes.rules.fillings import Filling
from treadle.nodes.rules.materials import material
from treadle.nodes.rules.memos import write

GOOD_FOR = (
    "the shipped examples, tests and a first look: it knows the usual wording of contracts, of feeling and of urgency, "
    "and nothing else"
)
"""What the rules model is good for."""

NOTE = f"rules: word lists and TextRank, no language model; good for {GOOD_FOR}."
"""What every answer of the rules model says of itself."""


class RulesModel(Ready):
    """A chat model of word lists and TextRank: deterministic, offline, done in milliseconds.

    It fills any JSON Schema (`with_structured_output`, or ``bind(response_format=...)``) and writes memos and extracts.
    It writes only from its input or in fixed forms. Every answer's ``response_metadata`` has ``model_name``, ``note``
    (that it is no language model) and ``confidence``: by the path of every enum and boolean field, a number from 0 to 1
    made from the margin of the choice. Tokens in ``usage_metadata`` are counted words.

    >>> RulesModel().invoke("Sum up in one sentence:\\nThe fees rise. The fees rise every year by ten per cent.").text
    'The fees rise every year by ten per cent.'
    """

    measures_confidence: ClassVar[bool] = True
    """Its confidence comes from its own margins: nobody needs to ask it for one."""

    model: str = "rules"

    @property
    def _llm_type(self) -> str:
        return "rules"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {"model": self.model}

    def with_structured_output(
        self,
        schema: dict[str, Any] | type,
        *,
        include_raw: bool = False,
        method: str | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Answers that fit a pydantic class, TypedDict or JSON Schema; ``method`` and ``strict`` change nothing here.

        With ``include_raw`` the answer is a dict of ``raw`` (the message), ``parsed`` and ``parsing_error``.
        """
        if kwargs:
            raise ValueError(f"with_structured_output does not take {', '.join(sorted(kwargs))}")
        asked = self.bind(
            response_format=_schema(schema),
            ls_structured_output_format={"kwargs": {"method": method or "json_schema"}, "schema": schema},
        )
        parser: BaseOutputParser[Any] = JsonOutputParser()
        if isinstance(schema, type) and is_basemodel_subclass(schema):
            parser = PydanticOutputParser(pydantic_object=schema)
        return structured(asked, parser.invoke, include_raw=include_raw)

    def answer(self, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> AIMessage:
        """Return the answer, in words or as JSON where ``response_format`` asks for it."""
        found, confidence = material(messages), {}
        schema = _unwrapped(options.get("response_format"))
        if schema is None:
            text = write(found)
        else:
            filling = Filling(found, schema)
            text, confidence = json.dumps(filling.value(), ensure_ascii=False), filling.confidence
        told = {"model_name": self.model, "confidence": confidence, "confidence_source": "margin", "note": NOTE}
        return AIMessage(text, response_metadata=told)


def _schema(schema: dict[str, Any] | type) -> dict[str, Any]:
    if isinstance(schema, dict) and ("properties" in schema or "$ref" in schema or "enum" in schema):
        return schema
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    return dict(convert_to_json_schema(schema))


def _unwrapped(wanted: Any) -> dict[str, Any] | None:
    """The JSON Schema in a response format, as OpenAI wraps it or bare; None for text."""
    if not isinstance(wanted, dict) or wanted.get("type") == "text":
        return None
    inner = wanted.get("json_schema", wanted)
    inner = inner.get("schema", inner) if isinstance(inner, dict) else {}
    return {"type": "object"} if inner.get("type") == "json_object" else inner
