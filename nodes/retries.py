"""When a failed attempt is made again: how often, after how long, and which errors are worth it."""

import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from treadle.errors import GraphBuildError

BUGS = (TypeError, AttributeError, NameError, ImportError, AssertionError, NotImplementedError, GraphBuildError)
"""Errors that another attempt or another item would not cure: they fail the run."""

HOPELESS = frozenset(
    ["ValidationException", "AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException"]
)
"""Services' words for a request that would be refused again."""

_THROTTLED = re.compile(r"throttl|too ?many ?requests|rate ?limit|slow ?down|quota", re.IGNORECASE)


@dataclass(frozen=True)
class Retry:
    """A policy of trying again.

    `attempts` in all; after the first failure a pause of `first` seconds, then `factor` times as long each time, at
    most `most`, and with `jitter` anything between half of that and all of it. `budget` is the share of the fan-out's
    items that may be tried again in all (ten are always allowed), so that a failing service is not stormed. `when` says
    of an error whether it is worth it (default: all but requests that a service would refuse again). A service's own
    ``Retry-After`` is waited for if it is longer.
    """

    attempts: int = 3
    first: float = 0.2
    factor: float = 2.0
    most: float = 20.0
    jitter: bool = True
    budget: float = 0.5
    when: Callable[[Exception], bool] | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that could not work."""
        if self.attempts < 1 or self.first < 0 or self.factor < 1 or self.most < 0 or self.budget < 0:
            raise GraphBuildError(f"{self}: attempts are at least 1, factor at least 1, times and budget not negative")

    def worth(self, error: Exception) -> bool:
        """Whether another attempt may cure an error."""
        return self.when(error) if self.when is not None else code(error) not in HOPELESS

    def pause(self, failed: int, error: Exception) -> float:
        """Seconds to wait after so many failed attempts."""
        pause = min(self.first * self.factor ** (failed - 1), self.most)
        pause *= random.uniform(0.5, 1) if self.jitter else 1
        return max(pause, after(error) or 0)

    def allowance(self, items: int) -> int:
        """How many attempts beyond the first a fan-out over so many items may make in all."""
        return max(10, int(self.budget * items)) * (self.attempts > 1)


def throttled(error: Exception) -> bool:
    """Whether a service said that it was asked too often: by status, by code, or by the error's name."""
    if isinstance(error, TimeoutError):
        return False
    return status(error) == 429 or bool(_THROTTLED.search(f"{type(error).__name__} {code(error)}"))


def after(error: Exception) -> float | None:
    """Seconds that a service asked to wait, from the error's ``retry_after`` or the answer's ``Retry-After`` header."""
    told: Any = getattr(error, "retry_after", None)
    told = _headers(error).get("retry-after") if told is None else told
    try:
        return None if told is None else max(0.0, float(told))
    except ValueError:
        return _until(str(told))


def code(error: Exception) -> str:
    """The service's own word for an error (botocore), or ""."""
    answer = getattr(error, "response", None)
    return str((answer.get("Error") or {}).get("Code", "")) if isinstance(answer, Mapping) else ""


def status(error: Exception) -> int | None:
    """The HTTP status of an error, if it carries one (botocore, httpx, requests, openai)."""
    answer = getattr(error, "response", None)
    if isinstance(answer, Mapping):
        found = (answer.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    else:
        found = getattr(error, "status_code", None) or getattr(answer, "status_code", None)
    return found if isinstance(found, int) else None


def _headers(error: Exception) -> dict[str, Any]:
    answer = getattr(error, "response", None)
    if isinstance(answer, Mapping):
        found = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders")
    else:
        found = getattr(answer, "headers", None)
    return {str(name).lower(): value for name, value in dict(found or {}).items()}


def _until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
