"""``treadle doctor``: what is wrong here, what it means, and what to do."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.commands.mistakes import FAILED
from treadle.commands.options import DEFAULT, By, Database, Graphs, Json, Roles, existing, person
from treadle.commands.printing import as_json, say, table

if TYPE_CHECKING:
    from treadle.commands.checks import Check


def doctor(
    repair: Annotated[bool, typer.Option("--repair", help="Repair the runs and reviews that can be.")] = False,
    by: By = None,
    role: Roles = None,
    db: Database = DEFAULT,
    graphs: Graphs = None,
    json: Json = False,
) -> None:
    """Check packages, database, runs, reviews, graphs, models and the page's port; each finding says what to do.

    Nothing is changed, but with `--repair`: then questions that a bad answer wedged wait again, those that nobody waits
    for are closed, lost ones are put back, leases of dead processes are given back; each repair is on record. Ends
    with 1 if something is wrong.

    Example: `treadle doctor --repair --db /srv/reviews/treadle.db`
    """
    from treadle.commands.checks import checks

    repaired = _repaired(db, graphs, person(by), role or ()) if repair else []
    found = [*repaired, *checks(db, graphs)]
    wrong = [check for check in found if check.state == "wrong"]
    if json:
        as_json(found)
    else:
        table(
            ("state", "what", "finding", "what to do"), [(one.state, one.what, one.finding, one.cure) for one in found]
        )
        say(f"{len(wrong)} of {len(found)} checks found something wrong." if wrong else "Nothing is wrong.")
    raise typer.Exit(FAILED if wrong else 0)


def _repaired(db: Path, graphs: Path | None, by: str, roles: Collection[str]) -> "list[Check]":
    """Repair what can be repaired, and tell it."""
    from treadle.checkpoints.care.ailments import ailments, repair
    from treadle.commands.checks import Check

    with existing(db, readonly=False) as saver:
        done = repair(saver, ailments(saver), by=by, roles=roles)
    return [Check(one.kind, "ok", f"repaired: {one.finding}", one.cure) for one in done]
