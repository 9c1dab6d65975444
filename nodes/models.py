"""One way to name a model: any LangChain chat model, or a text such as ``local`` or ``bedrock:<id>?limit=32``."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import ValidationError

from treadle.errors import ModelUnavailable
from treadle.nodes.local.weights import DEFAULT, find
from treadle.nodes.names import Name, Value, parsed
from treadle.nodes.outputs import told

VARIABLE = "TREADLE_MODEL"
"""The environment variable that names the model to use where none is named."""

FORMS = "rules, local, local:<weights>, scripted:<file> or bedrock:<model id>"

LOCAL = ("temperature", "max_tokens", "top_p", "seed", "n_ctx", "threads", "slots", "logprobs", "partial")
"""What can be said of a local model beside its weights."""


@dataclass(frozen=True)
class Choice:
    """The model used where none is named."""

    spec: str
    """What `model` takes."""
    why: str
    """Why it is this one, in a sentence."""
    better: str | None
    """The command that would give a better one, or None."""


def model(spec: str | BaseChatModel, /, **parameters: Value) -> BaseChatModel:
    """Return the chat model that a text names; a chat model is returned as it is.

    ``rules`` is the embedded one (word lists, no language model), ``local`` or ``local:<weights>`` runs a small
    language model on this machine's CPU, ``scripted:<file>`` says what a file says, ``bedrock:<model id>`` calls Amazon
    Bedrock's Converse API. Parameters stand behind a question mark, as in ``local?temperature=0.5`` and
    ``bedrock:<model id>?region=eu-central-1&limit=32``, or beside it by name. The same text gives the same object, so
    that clients, limits and weights are shared by every step of the process.

    Raises:
        ModelUnavailable: for an unknown name or parameter, and for a model that cannot be used here; it says what
            would help.
    """
    if isinstance(spec, BaseChatModel):
        if parameters:
            raise ModelUnavailable(
                f"a {type(spec).__name__} has its parameters; {', '.join(parameters)} go with a name"
            )
        return spec
    name = parsed(spec, parameters)
    return _bedrock(name) if name.kind == "bedrock" and name.which else _named(spec, name)


def choose() -> Choice:
    """Return the model to use where none is named.

    It is what $TREADLE_MODEL asks for, else `local` if its weights are on this machine, else `rules`. Nothing
    is fetched, and no credential is looked at unless the variable asks for it.
    """
    if asked := os.environ.get(VARIABLE):
        return Choice(asked, f"${VARIABLE} asks for it", None)
    if find_spec("xllamacpp") is None:
        return Choice("rules", "no language model is installed", "pip install 'treadle[local]' && treadle models pull")
    try:
        find(DEFAULT)
    except ModelUnavailable:
        return Choice("rules", "no weights of a local model are here", "treadle models pull")
    return Choice("local", "its weights are on this machine", None)


@cache
def _named(spec: str, name: Name) -> BaseChatModel:
    if name.kind == "rules" and not name.which:
        from treadle.nodes.rules import RulesModel

        return _made(spec, RulesModel, name.options, ())
    if name.kind == "local":
        from treadle.nodes.local import LocalModel

        return _made(spec, LocalModel, {**name.options, "weights": name.which or DEFAULT}, LOCAL)
    if name.kind == "scripted" and name.which:
        from treadle.nodes.scripts import scripted

        return scripted(name.which)
    raise ModelUnavailable(f"no model is called {spec!r}; the names are {FORMS}")


def _made(
    spec: str, kind: Callable[..., BaseChatModel], options: Mapping[str, Any], known: Sequence[str]
) -> BaseChatModel:
    unknown = [key for key in options if key not in (*known, "weights", "path")]
    if unknown:
        raise ModelUnavailable(f"model {spec!r} has no parameter {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    try:
        return kind(**options)
    except ValidationError as error:
        raise ModelUnavailable(f"model {spec!r}: {told(error)}") from error


def _bedrock(name: Name) -> BaseChatModel:
    """Return a Bedrock model; where it is is part of what makes it the same, since the environment may change it."""
    from treadle.nodes.bedrock.models import Parameters, bedrock, where

    try:
        parameters = Parameters.model_validate(name.options)
    except ValidationError as error:
        known = ", ".join(Parameters.model_fields)
        raise ModelUnavailable(f"model 'bedrock:{name.which}': {told(error)}; its parameters are {known}") from error
    return bedrock(name.which, parameters, where(parameters))  # pyright: ignore
