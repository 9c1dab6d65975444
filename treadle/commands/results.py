"""What came out of a contract review: the findings with how each was decided, and the memo."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from treadle.commands.printing import many, say, table

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.reviews import Review

VERBS = {"approve": "approved", "edit": "edited", "reject": "sent back"}


def tell(values: Mapping[str, Any], reviews: "Sequence[Review]") -> None:
    """Print the findings and the memo of a finished review."""
    rows = values["table"]["rows"]
    said = told_of(reviews)
    say()
    columns = ("number", "heading", "category", "risk", "confidence", "decided")
    table(columns, [_row(row, said.get((row["number"], row["heading"]), "no review needed")) for row in rows])
    counts = Counter(row["risk"] for row in rows)
    risks = ", ".join(f"{counts[risk]} {risk}" for risk in ("high", "medium", "low", "unknown") if counts[risk])
    say()
    say(f"{many(len(rows), 'clause')}: {risks}.")
    say()
    say("Memo" + (f" ({told_of(reviews)[None]})" if None in told_of(reviews) else ""), style="bold")
    say()
    say(values["memo"])
    say()


def told_of(reviews: "Sequence[Review]") -> dict[Any, str]:
    """How each clause was decided, by its number and heading, and under None how the memo was."""
    said: dict[Any, list[str]] = {}
    for review in sorted(reviews, key=lambda one: one.asked_at):
        if review.decision is not None:
            verb = VERBS.get(review.decision.action, review.decision.action)
            said.setdefault(_subject(review), []).append(f"{verb} by {review.decision.by}")
    return {subject: ", then ".join(each) for subject, each in said.items()}


def _subject(review: "Review") -> Any:
    clause = (review.value.get("context") or {}).get("clause") if isinstance(review.value, Mapping) else None
    return (clause["number"], clause["heading"]) if isinstance(clause, Mapping) else None


def _row(row: Mapping[str, Any], decided: str) -> tuple[Any, ...]:
    sure = "" if row["confidence"] is None else f"{row['confidence']:.2f}"
    return (row["number"], row["heading"], row["category"] or "not rated", row["risk"], sure, decided)


def asked(saver: "SqliteSaver", thread: str, *, open_: bool) -> "list[Review]":
    """The reviews of a run in the order of the document: those that wait, or all."""
    from treadle.checkpoints.reviews import pending

    found = pending(saver, thread=thread, status="pending" if open_ else None, limit=-1)
    return sorted(found, key=_place)


def _place(review: "Review") -> tuple[int, float]:
    clause = (review.value.get("context") or {}).get("clause") if isinstance(review.value, Mapping) else None
    return (clause.get("start", 0) if isinstance(clause, Mapping) else 1 << 60, review.asked_at)
