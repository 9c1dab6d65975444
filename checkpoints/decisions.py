"""Deciding a review: a compare-and-set, so that the first decision wins and every other is told of it."""

import sqlite3
import time
from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from typing import Any

from treadle.checkpoints.desks import claims, votes
from treadle.checkpoints.desks.answers import UNSET, check, compose, plain, sayable
from treadle.checkpoints.desks.askers import addressed, asker
from treadle.checkpoints.desks.audits import Decision, decisions, shown, verify
from treadle.checkpoints.desks.enactments import enact
from treadle.checkpoints.desks.feedbacks import changed, feedback
from treadle.checkpoints.disks.clocks import moment
from treadle.checkpoints.disks.signals import ring
from treadle.checkpoints.reviews import Review, decided, find, panel_of, review
from treadle.checkpoints.savers import SqliteSaver
from treadle.dialects import read
from treadle.errors import AnswerInvalid, ReviewClosed

__all__ = ["Decision", "decide", "decisions", "shown", "verify"]


def decide(
    saver: SqliteSaver,
    review_id: str,
    action: str | None = None,
    *,
    by: str,
    roles: Collection[str] = (),
    answer: Any = UNSET,
    value: Any = UNSET,
    reason: str | Sequence[str] | None = None,
    words: str | None = None,
    labels: Sequence[str] = (),
    digest: str | None = None,
    thread: str | None = None,
    client: str = "python",
    seconds: float | None = None,
) -> Decision:
    """Record the answer to a review; the run goes on with it when a worker (or ``advance``) takes it up.

    Give an ``action`` for a question that names its actions (``edit`` with the edited ``value``; for several calls of
    LangChain's middleware a list of their arguments), or the whole ``answer`` for any other: it may be in the form of
    Agent Inbox or of LangChain v1, whoever asked. ``reason`` is one, or several, of the question's reasons, ``labels``
    are among its labels. ``review_id`` may be the beginning of an id. ``digest`` is that of the question as it was
    shown: the decision is refused if the question has changed since. Costs the same however many reviews wait.

    ``roles`` are those that ``by`` holds, as the caller knows them: a question may name who may decide. Where several
    must agree, each answer is a vote: what is returned then has the ``kind`` vote, until the last one decides.

    Raises ReviewNotFound, NotAllowed (who may), ClaimHeld (who has it before them), ReviewClosed (who decided what and
    when), AnswerInvalid (where, and what is wrong). In each case nothing was stored.
    """
    question = review(saver, review_id, thread=thread)
    given = {"action": action, "value": value, "reason": reason, "words": words, "labels": labels or [], "by": by}
    given["roles"] = roles
    content = stated(question, given, answer=answer, digest=digest, client=client, seconds=seconds)
    decision = saver.database.write(lambda connection: record(connection, question, content))
    ring(saver.database.path)
    return decision


def stated(
    question: Review,
    given: Mapping[str, Any],
    *,
    answer: Any = UNSET,
    digest: str | None = None,
    client: str = "python",
    seconds: float | None = None,
) -> dict[str, Any]:
    """The columns of the decision, its answer built and checked.

    ``given`` has ``by``, and ``roles``, ``action``, ``value``, ``reason``, ``words``, ``labels`` as they are given to
    ``decide``.
    """
    if answer is not UNSET:
        answer = addressed(plain(answer), question.value)
        check(answer, question.schema)
        if asker(question.value) == "treadle" and isinstance(answer, Mapping):
            known = {k: v for k, v in given.items() if v not in (None, UNSET, [])}
            # Who decides, and as what, the caller knows: no answer says it.
            given, answer = {**answer, **known, "roles": given.get("roles") or ()}, UNSET
    said = feedback(question.value, given)
    parts = {**given, **said, "at": time.time(), "digest": digest or question.digest}
    if answer is UNSET:
        if given.get("action") is None:
            raise AnswerInvalid("A decision needs an action or an answer: give one of them. Nothing was stored.")
        told = {key: part for key, part in parts.items() if part is not UNSET and key != "roles"}
        answer = compose(question.value, question.schema, told)
    answer = plain(answer)
    check(answer, question.schema)
    # As the column holds it, or the row would not match its hash.
    kept: dict[str, Any] = {"roles": sorted(set(given.get("roles") or ()))}
    kept |= {"client": client, "seconds": float(seconds) if seconds is not None and isfinite(seconds) else None}
    kept |= {name: parts.get(name) for name in ("words", "by", "at")} | {"shown": digest}
    content = {**said, **kept, "action": given.get("action") or _action(question.value, answer), "answer": answer}
    sayable(content)
    return content | {"edits": changed(question.value, answer)}


def _action(question: Any, answer: Any) -> str:
    """The action that a whole answer names, for the record."""
    named = answer.get("action") if isinstance(answer, Mapping) else None
    verbs = {said.verb for said in read(answer) or ()} if asker(question) != "open" else set()
    return named if isinstance(named, str) else verbs.pop() if len(verbs) == 1 else "answer"


def record(connection: sqlite3.Connection, question: Review, content: dict[str, Any]) -> Decision:
    """The compare-and-set, inside one transaction; ``content`` is what ``stated`` made."""
    row = find(connection, question.id, question.thread_id)
    if row["status"] != "pending":
        raise ReviewClosed(_closed(connection, row))
    if row["digest"] not in (question.digest, None) or content["shown"] not in (row["digest"], None):
        raise ReviewClosed(f"The question {question.id} changed after it was shown: open it again. Nothing was stored.")
    panel = panel_of(row)
    panel.admit(content["by"], content["roles"])
    if not panel.many:
        claims.admit(connection, row, content["by"])
        return enact(connection, row, content)
    vote = votes.cast(connection, row, panel, content)
    winner = votes.outcome(connection, row, panel)
    return vote if winner is None else enact(connection, row, winner)


def _closed(connection: sqlite3.Connection, row: sqlite3.Row) -> str:
    """Who decided what and when, for the one who came second."""
    first = decided(connection, row["thread_id"], row["interrupt_id"])
    name = f"Review {row['interrupt_id']} of run {row['thread_id']}"
    if first is None:
        return f"{name} is closed: {row['problem'] or 'the run went on without a decision.'} Nothing was stored."
    return f"{name} was decided already: {first.action} by {first.by} at {moment(first.at)}. Nothing was stored."
