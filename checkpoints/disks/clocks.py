"""Clocks that are not right: one that was set back, and those of several processes, which are some seconds apart.

A clock that was set back is told in words: checkpoints are in the order of their ids, which begin with the time.
"""

import time

from treadle.errors import StoreError

TOLERANCE = 5.0
"""Seconds by which the clocks of two processes on one database may differ without one acting before another's time."""


def moment(at: float) -> str:
    """A time in words, for a message.

    >>> len(moment(0))
    19
    """
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def admit(thread_id: str, parent_id: str, id_: str) -> None:
    """Raise StoreError for a checkpoint that sorts before the stored one that it follows: it would never be newest."""
    if id_ < parent_id:
        raise StoreError(
            f"The clock of this machine was set back: a new checkpoint of run {thread_id} would sort before the one"
            " that it follows, and be lost to it. Nothing of it was stored: set the clock right, or go on later."
        )
