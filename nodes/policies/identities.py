"""Idempotency keys: by them a worker, or the service that it calls, knows that it is asked the same thing again."""

import contextvars
from collections.abc import Callable
from hashlib import sha256

KEY = "idempotency_key"
"""The key under which a worker that reads it finds its branch's idempotency key."""

_current: contextvars.ContextVar[Callable[[], str | None]] = contextvars.ContextVar(
    "treadle_idempotency_key", default=lambda: None
)


def idempotency_key() -> str | None:
    """Return the key of the fan-out's branch that this code is part of, at whatever depth; None outside of any.

    It is the same in every attempt, in a hedge, in a fallback, and when the branch runs again after a crash. In another
    process it is None: there a function is told it as its argument `idempotency_key`.
    """
    return _current.get()()


def identity(*parts: object) -> str:
    """Return the key that stands for these parts.

    >>> identity("thread", 1) == identity("thread", 1) != identity("thread", 2)
    True
    """
    return sha256("\n".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class KnownAs:
    """A context in which a key is the current one; it is worked out when somebody asks."""

    __slots__ = ("_key", "_token")

    def __init__(self, key: Callable[[], str | None]) -> None:
        self._key = key

    def __enter__(self) -> None:
        self._token = _current.set(self._key)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
