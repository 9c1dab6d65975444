"""``treadle rules``: decisions that are made beforehand, by rules that end."""

import time
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, By, Database, Json, Roles, existing, person
from treadle.commands.printing import as_json, many, say, table, told, when

if TYPE_CHECKING:
    from treadle.checkpoints.bulks import Rule

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


@app.callback()
def rules(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """List the standing rules; `treadle rules add` makes one, `treadle rules revoke` ends one.

    Example: `treadle rules --all`
    """
    ctx.default_map = {name: {"db": db, "json": json} for name in ("add", "revoke")}
    if ctx.invoked_subcommand is not None:
        return
    from treadle.checkpoints.bulks import rules as standing

    with existing(db) as saver:
        found = standing(saver, active=not every)
    if json:
        as_json(found)
    elif found:
        table(("id", "graph", "gate", "decides", "where", "by", "used", "ends"), [_row(one) for one in found])
    else:
        told("No rule stands. `treadle rules add --help` shows how to make one.")


def _row(one: "Rule") -> tuple[Any, ...]:
    used = f"{one.uses} of {one.cap}" if one.cap is not None else one.uses
    ends = f"revoked by {one.revoked_by}" if one.revoked_at else when(one.until)
    return (one.id, one.graph, one.gate, one.action, " and ".join(map(str, one.conditions)), one.by, used, ends)


@app.command("add")
def add(
    graph: Annotated[str, typer.Argument(help="The graph whose reviews it decides.")],
    gate: Annotated[str, typer.Argument(help="The review in the graph.")],
    where: Annotated[
        list[str],
        typer.Option("--where", metavar="CONDITION", help="Such as 'proposal.amount < 50'; all of them must hold."),
    ],
    action: Annotated[str, typer.Option("--action", help="approve or reject.")] = "approve",
    cap: Annotated[int | None, typer.Option("--cap", min=1, help="How often it may be used in all.")] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="When it ends, such as 2026-12-24T18:00."),
    ] = None,
    words: Annotated[str | None, typer.Option("--words", help="What each of its decisions says.")] = None,
    by: By = None,
    role: Roles = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Make nothing; list what waits that it would decide.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Make a rule by which a worker decides, now and later, what fits; it never decides where somebody has a veto.

    Example: `treadle rules add shop refund_review --where "proposal.amount < 50" --cap 200`
    """
    from treadle.checkpoints.bulks import rule
    from treadle.checkpoints.bulks.conditions import parsed
    from treadle.checkpoints.bulks.rules import drafted, matching

    conditions = [parsed(one) for one in where]
    given: dict[str, Any] = {
        "by": person(by), "roles": role or [], "words": words, "cap": cap, "until": _moment(until),
    }  # fmt: skip
    with existing(db, readonly=dry) as saver:
        made = (drafted if dry else partial(rule, saver))(graph, gate, conditions, action, **given)
        fitting = matching(saver, made)
    if json:
        as_json({"rule": made, "matching": len(fitting)})
        return
    if dry:
        table(("id", "title", "run"), [(one.id[:12], one.title or one.node, one.thread_id) for one in fitting])
    say(f"{'It would be' if dry else 'Made'} rule {made.id}: it fits {many(len(fitting), 'review')} waiting now.")


@app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")],  # noqa: A002
    by: By = None,
    role: Roles = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """End a rule now; what it has decided stays decided.

    Example: `treadle rules revoke 3f2a9c01`
    """
    from treadle.checkpoints.bulks import revoke as end

    with existing(db, readonly=False) as saver:
        ended = end(saver, id, by=person(by), roles=role or ())
    as_json(ended) if json else say(f"Rule {ended.id} is revoked; it was used {many(ended.uses, 'time')}.")


def _moment(text: str | None) -> float | None:
    """A local date or time, still to come, as seconds since 1970."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Mistake(f"--until: {text!r} is no time: write such as 2026-12-24 or 2026-12-24T18:00.") from None
    if moment <= time.time():
        raise Mistake(f"--until: {text} has passed.")
    return moment
