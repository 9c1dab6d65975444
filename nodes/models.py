"""One way to name a model: any LangChain chat model, or a short text such as ``local`` or ``bedrock:<model id>``."""

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from langchain_core.language_models import BaseChatModel

from treadle.errors import ModelUnavailable
from treadle.nodes.weights import DEFAULT, find

VARIABLE = "TREADLE_MODEL"
"""The environment variable that names the model to use where none is named."""

FORMS = "rules, local, local:<weights>, bedrock:<model id> or scripted:<file>"


@dataclass(frozen=True)
class Choice:
    """The model used where none is named."""

    spec: str
    """What `model` takes."""
    why: str
    """Why it is this one, in a sentence."""
    better: str | None
    """The command that would give a better one, or None."""


def model(spec: str | BaseChatModel, /) -> BaseChatModel:
    """Return the chat model that a text names; a chat model is returned as it is.

    ``rules`` is the embedded one (word lists, no language model), ``local`` or ``local:<weights>`` runs a small
    language model on this machine's CPU, ``bedrock:<model id>`` calls Amazon Bedrock's Converse API. The same text
    gives the same object, so that clients and weights are shared by every step of the process.

    Raises:
        ModelUnavailable: for an unknown name, and for a model that cannot be used here; it says what would help.
    """
    return spec if isinstance(spec, BaseChatModel) else _named(spec)


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
def _named(spec: str) -> BaseChatModel:
    kind, _, detail = spec.partition(":")
    if kind == "rules" and not detail:
        from treadle.nodes.rules import RulesModel

        return RulesModel()
    if kind == "local":
        from treadle.nodes.local import LocalModel

        return LocalModel(weights=detail or DEFAULT)
    if kind == "scripted" and detail:
        from treadle.nodes.scripts import scripted

        return scripted(detail)
    if kind == "bedrock" and detail:
        return _bedrock(detail)
    raise ModelUnavailable(f"no model is called {spec!r}; the names are {FORMS}")


def _bedrock(model_id: str) -> BaseChatModel:
    """Return a Converse client with a pool, time-outs and retries fit for many calls at once."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from langchain_aws import ChatBedrockConverse

    try:
        session = boto3.Session()
        if session.get_credentials() is None:
            raise ModelUnavailable(
                f"bedrock:{model_id} needs AWS credentials and none were found; run `aws configure`, or set "
                "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if session.region_name is None:
            raise ModelUnavailable(
                f"bedrock:{model_id} needs a region; set AWS_REGION, such as AWS_REGION=eu-central-1"
            )
        tuning: Any = Config(
            retries={"mode": "adaptive", "max_attempts": 8},
            read_timeout=300,
            max_pool_connections=64,
            tcp_keepalive=True,
        )
        return ChatBedrockConverse(model=model_id, region_name=session.region_name, config=tuning)
    except BotoCoreError as error:
        raise ModelUnavailable(f"bedrock:{model_id} cannot be used: {error}") from error
