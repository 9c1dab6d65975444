"""What an answer tells of its time: how long the call waited for its turn, and how long the model took."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage


def timed(message: BaseMessage, *, queued: float) -> None:
    """Note in a message's metadata ``queue_seconds``, and ``model_seconds`` as the service itself measured them.

    A stream tells its time in one of its pieces; the others are left as they are.
    """
    if (milliseconds := _latency(message.response_metadata.get("metrics"))) is not None:
        message.response_metadata |= {"queue_seconds": queued, "model_seconds": milliseconds / 1000}


def _latency(metrics: Any) -> float | None:
    """The service's measure: a number in a stream, a list of one in a whole answer."""
    told = metrics.get("latencyMs") if isinstance(metrics, Mapping) else None
    found = told[0] if isinstance(told, list) and told else told
    return float(found) if isinstance(found, int | float) else None
