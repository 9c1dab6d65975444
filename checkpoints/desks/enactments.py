"""A decision takes effect: the review is decided, its run can go on, and it is on record."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from treadle.checkpoints.desks import claims, gatherings, outboxes, queues
from treadle.checkpoints.desks.audits import Decision, append
from treadle.checkpoints.desks.panels import number


def enact(
    connection: sqlite3.Connection, row: sqlite3.Row, content: Mapping[str, Any], event: str = "decided"
) -> Decision:
    """Record a decision on a pending review, within the caller's transaction."""
    key = {"thread_id": row["thread_id"], "interrupt_id": row["interrupt_id"]}
    question = json.loads(row["value"])
    until = _until(question, content["at"])
    connection.execute(
        "UPDATE reviews SET status = 'decided', problem = NULL, veiled = 0, held_until = ?, taken_at = NULL"
        " WHERE seq = ?",
        (until, row["seq"]),
    )
    if row["holds"]:
        _release(connection, key | {"at": content["at"], "until": until})
        gatherings.gather(connection, row, content["action"], content["at"])
    told = {"graph": row["graph"], "gate": row["gate"], "payload": question, "digest": row["digest"]}
    told |= {"claims": claims.drop(connection, row["thread_id"], row["interrupt_id"])}
    outboxes.post(connection, event, row, action=content["action"], by=content["by"], until=until)
    decision = append(connection, **key, **content, **told)
    if not row["holds"]:  # feedback: no run takes it up
        queues.close(connection, row["thread_id"], [row["interrupt_id"]])
    return decision


def _release(connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    """The run can go on, at once or when the decision can no longer be taken back."""
    connection.execute(
        "UPDATE runs SET status = 'decided', attempts = 0, updated_at = :at, not_before = CASE WHEN :until IS NULL OR"
        " (status = 'decided' AND not_before IS NULL) THEN NULL ELSE min(ifnull(not_before, :until), :until) END"
        " WHERE thread_id = :thread_id AND status IN ('waiting', 'direct', 'parked', 'decided')",
        values,
    )


def _until(question: Any, at: float) -> float | None:
    """Until when the decision can be taken back; None where the question gives no time for that."""
    window = question.get("withdraw_in") if isinstance(question, dict) else None
    return at + window if window is not None and number(window) and window > 0 else None
