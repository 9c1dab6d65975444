"""Deciding a review: a compare-and-set, so that the first decision wins and every other is told of it."""

import sqlite3
import time
from collections.abc import Mapping
from math import isfinite
from typing import Any

from treadle.checkpoints.answers import UNSET, check, compose, plain
from treadle.checkpoints.audits import Decision, append, decisions, verify
from treadle.checkpoints.reviews import Review, decided, find, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.signals import ring
from treadle.errors import AnswerInvalid, ReviewClosed

__all__ = ["Decision", "decide", "decisions", "verify"]


def decide(
    saver: SqliteSaver,
    review_id: str,
    action: str | None = None,
    *,
    by: str,
    answer: Any = UNSET,
    value: Any = UNSET,
    reason: str | None = None,
    words: str | None = None,
    digest: str | None = None,
    thread: str | None = None,
    client: str = "python",
    seconds: float | None = None,
) -> Decision:
    """Record the answer to a review; the run goes on with it when a worker (or ``advance``) takes it up.

    Give an ``action`` for a question that names its actions (``edit`` with the edited ``value``), or the whole
    ``answer`` for any other. ``review_id`` may be the beginning of an id. ``digest`` is that of the question as it was
    shown: the decision is refused if the question has changed since. Costs the same however many reviews wait.

    Raises ReviewNotFound, ReviewClosed (who decided what and when), AnswerInvalid (where, and what is wrong). In each
    case nothing was stored.
    """
    question = review(saver, review_id, thread=thread)
    content = _content(question, action, answer, value, reason=reason, words=words, by=by, digest=digest)
    # As the column holds it, or the row would not match its hash.
    content |= {"client": client, "seconds": float(seconds) if seconds is not None and isfinite(seconds) else None}
    _writable(content)
    decision = saver.database.write(lambda connection: _record(connection, question, content))
    ring(saver.database.path)
    return decision


def _content(
    question: Review,
    action: str | None,
    answer: Any,
    value: Any,
    *,
    reason: str | None,
    words: str | None,
    by: str,
    digest: str | None,
) -> dict[str, Any]:
    """The columns of the decision, its answer built and checked."""
    at = time.time()
    given = {"action": action, "value": value, "reason": reason, "words": words, "by": by, "at": at}
    given["digest"] = digest or question.digest
    if answer is UNSET:
        if action is None:
            raise AnswerInvalid("A decision needs an action or an answer: give one of them.")
        answer = compose(question.value, question.schema, {k: v for k, v in given.items() if v is not UNSET})
    answer = plain(answer)
    check(answer, question.schema)
    kept = {"reason": reason, "words": words, "by": by, "at": at, "shown": digest}
    return kept | {"action": action or _action(answer), "answer": answer}


def _action(answer: Any) -> str:
    """The action that a whole answer names, for the record."""
    named = answer.get("action") if isinstance(answer, Mapping) else None
    return named if isinstance(named, str) else "answer"


def _writable(content: Mapping[str, Any]) -> None:
    """Half a character (a lone surrogate) has no place in UTF-8, so the database could not hold it."""
    for name, part in content.items():
        try:
            _ = part.encode() if isinstance(part, str) else None
        except UnicodeEncodeError as error:
            raise AnswerInvalid(f"The text of {name!r} has a character that is no text ({error.reason}).") from None


def _record(connection: sqlite3.Connection, question: Review, content: Mapping[str, Any]) -> Decision:
    """The compare-and-set, inside one transaction."""
    row = find(connection, question.id, question.thread_id)
    if row["status"] != "pending":
        raise ReviewClosed(_closed(connection, row))
    if row["digest"] not in (question.digest, None) or content["shown"] not in (row["digest"], None):
        raise ReviewClosed(f"The question {question.id} changed after it was shown: open it again. Nothing was stored.")
    key = {"thread_id": question.thread_id, "interrupt_id": question.id}
    connection.execute(
        "UPDATE reviews SET status = 'decided', problem = NULL"
        " WHERE thread_id = :thread_id AND interrupt_id = :interrupt_id",
        key,
    )
    connection.execute(
        "UPDATE runs SET status = 'decided', attempts = 0, not_before = NULL, updated_at = ?"
        " WHERE thread_id = ? AND status IN ('waiting', 'direct', 'parked')",
        (content["at"], question.thread_id),
    )
    return append(connection, **key, **content, digest=row["digest"])


def _closed(connection: sqlite3.Connection, row: sqlite3.Row) -> str:
    """Who decided what and when, for the one who came second."""
    first = decided(connection, row["thread_id"], row["interrupt_id"])
    name = f"Review {row['interrupt_id']} of run {row['thread_id']}"
    if first is None:
        return f"{name} is closed: the run went on without a decision. Nothing was stored."
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first.at))
    return f"{name} was decided already: {first.action} by {first.by} at {when}. Nothing was stored."
