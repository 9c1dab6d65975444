"""The fence: what a process writes under a lease that has passed to another one does not get in."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from treadle.errors import LeaseHeld

FENCE = "__treadle_token"
"""Where a configuration carries the token of the lease under which its graph runs."""


def admit(connection: sqlite3.Connection, config: Mapping[str, Any]) -> None:
    """Raise LeaseHeld, inside the transaction of a write, if the run has been leased anew since the writer's lease."""
    token, thread_id = config["configurable"].get(FENCE), str(config["configurable"]["thread_id"])
    if token is None:
        return
    row = connection.execute("SELECT token FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
    if row is not None and row["token"] > token:
        raise LeaseHeld(
            f"The lease on run {thread_id} has passed to another process while this one showed no life:"
            " what it wrote since was not stored; the new holder goes on."
        )
