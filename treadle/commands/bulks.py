"""Deciding many reviews at once from the terminal: what it covers is shown first."""

from typing import TYPE_CHECKING, Any

from treadle.commands.mistakes import Mistake
from treadle.commands.options import existing
from treadle.commands.printing import as_json, many, say, table, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.bulks import Preview
    from treadle.checkpoints.reviews import Review

ALL = "all"
"""Stands for every review that waits and that the filters let through."""


def several(id_: str) -> bool:
    """Whether an argument stands for several reviews."""
    return id_ == ALL or "," in id_


def decide(
    db: Any, ids: str, action: str | None, wanted: dict[str, Any], *, sure: bool, json: bool, **given: Any
) -> None:
    """Show what the decision would cover; with ``sure`` record it, all or none."""
    from treadle.checkpoints.bulks import decide_all, preview

    if action is None:
        raise Mistake("Say what you decide about them: an action such as approve or reject.")
    with existing(db, readonly=not sure) as saver:
        chosen = _chosen(saver, ids, wanted)
        found = preview(saver, chosen, action=action, thread=wanted.get("thread"))
        if not json:
            _print(found)
        if not sure:
            as_json(found) if json else told("Nothing is recorded yet: say --yes to decide them all.")
            return
        made = decide_all(saver, chosen, action, client="command line", thread=wanted.get("thread"), **given)
    if json:
        as_json({"decisions": made})
    else:
        say(f"Recorded: {action} by {given['by']} on {many(len(made), 'review')}.")


def _chosen(saver: "SqliteSaver", ids: str, wanted: dict[str, Any]) -> "Sequence[str | Review]":
    from treadle.checkpoints.reviews import pending

    if ids != ALL:
        return [one.strip() for one in ids.split(",") if one.strip()]
    found = pending(saver, **wanted, limit=-1)
    if not found:
        raise Mistake("Nothing that waits fits: `treadle reviews` lists what waits.")
    return found


def _print(found: "Preview") -> None:
    say(f"{many(len(found.reviews), 'review')} of {found.gate or 'one form'} in {found.graph or 'one graph'}.")
    if found.totals:
        rows = [(one.field, one.count, one.sum, one.least, one.median, one.most) for one in found.totals]
        table(("field", "count", "sum", "least", "median", "most"), rows)
    if found.outliers:
        say("What stands out:", style="bold")
        table(
            ("id", "title", "field", "value", "why"),
            [(one.id[:12], one.title, one.field, one.value, one.why) for one in found.outliers],
        )
    if found.exceptions:
        say("Cannot be decided with the others:", style="bold")
        table(("id", "why"), list(found.exceptions.items()))
