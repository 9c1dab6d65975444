"""Questions about what already ran: they are in the queue, and no run waits for them."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from langgraph.types import Interrupt

from treadle.checkpoints.desks import queues
from treadle.checkpoints.layouts.spaces import Place, place
from treadle.checkpoints.ledgers import fences
from treadle.digests import digest


def inquiry(
    config: Mapping[str, Any], question: Mapping[str, Any], schema: Mapping[str, Any]
) -> Callable[[sqlite3.Connection], str]:
    """Return work that queues a question of the task that the config names, and returns its id.

    The id follows from the task's place and the question: a task that is run again after a crash asks nothing twice.
    """
    at = place(config)
    id_ = digest([at.thread_id, at.ns, question])[:32]
    outer, _, own = at.ns.rpartition("|")
    node, _, task_id = own.partition(":")
    asked = Interrupt(value=question, id=id_, response_schema=dict(schema))

    def work(connection: sqlite3.Connection) -> str:
        fences.admit(connection, config)
        here = Place(at.thread_id, outer, _newest(connection, at.thread_id, outer))
        queues.inquire(connection, here, asked, task_id, node)
        return id_

    return work


def _newest(connection: sqlite3.Connection, thread_id: str, ns: str) -> str:
    """The checkpoint at which a task of a namespace runs."""
    row = connection.execute(
        "SELECT max(id) FROM checkpoints JOIN spaces ON spaces.key = space WHERE thread_id = ? AND ns = ?",
        (thread_id, ns),
    ).fetchone()
    return str(row[0] or "")
