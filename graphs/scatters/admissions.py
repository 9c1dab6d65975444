"""Admissions: a shard is let in as a whole, and each of its branches that starts makes room for another."""

import contextvars
from collections.abc import Generator
from contextlib import contextmanager

from treadle.nodes.policies.slots import Turn

_shard: contextvars.ContextVar[Turn | None] = contextvars.ContextVar("treadle_shard", default=None)


@contextmanager
def admitted(turn: Turn) -> Generator[None]:
    """Run the branches of a shard that was let in; at the end it gives back what they have not."""
    token = _shard.set(turn)
    try:
        yield
    finally:
        _shard.reset(token)
        turn.close()


def started() -> None:
    """Say that a branch of the current shard has started."""
    turn = _shard.get()
    if turn is not None:
        turn.give()
