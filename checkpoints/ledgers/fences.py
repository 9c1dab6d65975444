"""The fence: what a process writes under a lease that has passed to another one does not get in."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from treadle.errors import LeaseHeld

FENCE = "__treadle_token"
"""Where a configuration carries the run and the token of the lease under which its graph runs.

With its run, since a node may hand its configuration on to a graph that it invokes as another run.
"""


def admit(connection: sqlite3.Connection, config: Mapping[str, Any]) -> None:
    """Raise LeaseHeld, inside the transaction of a write, if the run is gone, or was leased anew since."""
    thread_id = str(config["configurable"]["thread_id"])
    leased, token = config["configurable"].get(FENCE, (None, 0))
    if leased != thread_id:
        return
    row = connection.execute("SELECT token FROM runs WHERE thread_id = ?", (thread_id,)).fetchone()
    if row is None:
        raise LeaseHeld(deleted(thread_id))
    if row["token"] > token:
        raise LeaseHeld(
            f"The lease on run {thread_id} has passed to another process while this one showed no life:"
            " what it wrote since was not stored; the new holder goes on."
        )


def deleted(thread_id: str) -> str:
    """What is said to whom still advances a run that is gone."""
    return f"The run {thread_id} was deleted while this process advanced it: what it did since was not stored."
