"""What OpenTelemetry is told of a call of a model, by its GenAI conventions; nothing where its API is not installed."""

from collections.abc import Mapping
from functools import cache
from typing import Any

try:
    from opentelemetry import metrics, trace
except ImportError:  # an extra: pip install 'treadle[telemetry]'
    INSTALLED = False
else:
    INSTALLED = True


def listening() -> bool:
    """Whether somebody has set OpenTelemetry up to take spans."""
    return INSTALLED and not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def emit(entry: Mapping[str, Any], *, spec: str) -> None:
    """Tell of a call as a span that began and ended when the call did, and in the histograms of time and tokens.

    `entry` is the trace's record of it, `spec` the model's name as it was asked for. What was said is not told.
    """
    if not listening():
        return
    attributes = _attributes(entry, spec)
    begun = int(entry["at"] * 1e9)
    span = trace.get_tracer("treadle").start_span(
        f"chat {spec}", kind=trace.SpanKind.CLIENT, start_time=begun, attributes=attributes
    )
    if entry.get("error"):
        span.set_status(trace.StatusCode.ERROR, str(entry["error"])[:200])
    span.end(begun + int(entry["seconds"] * 1e9))
    _count(entry, spec)


def _attributes(entry: Mapping[str, Any], spec: str) -> dict[str, Any]:
    known = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _provider(spec),
        "gen_ai.request.model": spec,
        "gen_ai.response.model": entry.get("model"),
        "gen_ai.usage.input_tokens": entry.get("tokens_in"),
        "gen_ai.usage.output_tokens": entry.get("tokens_out"),
        "gen_ai.conversation.id": entry.get("thread"),
        "error.type": str(entry["error"]).partition(":")[0] if entry.get("error") else None,
        "treadle.step": entry.get("step"),
        "treadle.path": entry.get("path"),
        "treadle.attempt": entry.get("attempt"),
        "treadle.gate": entry.get("gate") is not None,
        "treadle.cached": bool(entry.get("cached")),
        "treadle.cost": entry.get("cost"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _provider(spec: str) -> str:
    return "aws.bedrock" if spec.startswith("bedrock") else spec.partition(":")[0] or "unknown"


def _count(entry: Mapping[str, Any], spec: str) -> None:
    shared = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": _provider(spec), "gen_ai.request.model": spec}
    seconds, tokens = _instruments()
    seconds.record(entry["seconds"], shared)
    for kind in ("input", "output"):
        if number := entry.get("tokens_in" if kind == "input" else "tokens_out"):
            tokens.record(number, {**shared, "gen_ai.token.type": kind})


@cache
def _instruments() -> tuple[Any, Any]:
    meter = metrics.get_meter("treadle")
    return (
        meter.create_histogram("gen_ai.client.operation.duration", unit="s", description="GenAI operation duration"),
        meter.create_histogram("gen_ai.client.token.usage", unit="{token}", description="Tokens used"),
    )
