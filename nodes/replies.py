"""What a model's reply means: the output that it declares, how sure it is of it, or what is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel

from treadle.errors import OutputInvalid
from treadle.nodes.exchanges import Exchange, Sent, text
from treadle.nodes.probabilities import confidences
from treadle.nodes.prompts import Prompt
from treadle.nodes.readings import lenient


def read(prompt: Prompt, sent: Sent, reply: Any, chat: BaseChatModel) -> Exchange:
    """Make of a model's reply what the output declares, or say what is wrong with it."""
    if prompt.output.is_text:
        exchange = sent.answered(reply, value=text(reply))
        return exchange if exchange.cut is None or getattr(chat, "partial", False) else shortened(exchange)
    exchange, parsed, failure = sent.answered(reply["raw"]), reply["parsed"], reply["parsing_error"]
    if failure is not None or parsed is None:
        return _leniently(prompt, exchange, failure)
    try:
        return _measured(prompt, exchange, prompt.output.parse(parsed))
    except OutputInvalid as error:
        return replace(exchange, fault=str(error))


def _leniently(prompt: Prompt, exchange: Exchange, failure: Any) -> Exchange:
    """Read an answer that is no JSON once more, for what it means; what does not fit then is a fault."""
    if exchange.cut is not None:
        return shortened(exchange)
    for found in _meanings(prompt, text(exchange.message)):
        try:
            return replace(_measured(prompt, exchange, prompt.output.parse(found)), lenient=True)
        except OutputInvalid:
            continue
    why = failure or "it is empty"
    return replace(exchange, fault=f"step {prompt.name!r}: the answer is not the JSON asked for ({why})")


def shortened(exchange: Exchange) -> Exchange:
    """Note that an answer ended before it was whole, so that it is none."""
    return replace(exchange, fault=f"step {exchange.step!r}: the answer was cut short for want of room; be briefer")


def _meanings(prompt: Prompt, said: str) -> Sequence[Any]:
    """What an answer may mean: almost-JSON, or for an output that is a single value that value alone."""
    bare = [] if prompt.output.is_object else [said.strip().strip("`\"'").strip()]
    return [*(lenient(said) or ()), *(one for one in bare if one)]


def _measured(prompt: Prompt, exchange: Exchange, value: Any) -> Exchange:
    """Note how sure the model was: by its own measure, by its log-probabilities, or by what it says of itself."""
    told = exchange.message.response_metadata
    found = told.get("confidence") or _likely(prompt, told.get("logprobs"))
    measured = prompt.output.measure(value, found)
    if found:
        source = str(told.get("confidence_source") or "log-probability")
        return replace(exchange, value=measured, confidence=found, source=source)
    said = isinstance(value, dict) and any(value.get(name) is not None for name in prompt.output.confidences)
    return replace(exchange, value=measured, source="self-reported" if said else None)


def _likely(prompt: Prompt, logprobs: Any) -> dict[str, float]:
    """How likely each choice of an answer was, where its tokens came with the likeliest alternatives to each."""
    tokens = logprobs.get("content") if isinstance(logprobs, Mapping) else None
    if not tokens or not all(token.get("top_logprobs") for token in tokens):
        return {}
    return confidences(prompt.output.asked(measured=True), [_spelt(token) for token in tokens])


def _spelt(token: Mapping[str, Any]) -> dict[str, Any]:
    """A token with its bytes, which some services leave out."""
    return {
        **token,
        "bytes": token.get("bytes") or token["token"].encode(),
        "top_logprobs": [{**one, "bytes": one.get("bytes") or one["token"].encode()} for one in token["top_logprobs"]],
    }
