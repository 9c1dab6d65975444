"""``treadle doctor``: what is wrong here, what it means, and what to do."""

import typer

from treadle.commands.mistakes import FAILED
from treadle.commands.options import DEFAULT, Database, Graphs, Json
from treadle.commands.printing import as_json, say, table


def doctor(db: Database = DEFAULT, graphs: Graphs = None, json: Json = False) -> None:
    """Check packages, database, runs, graphs, models and the page's port; each finding says what to do.

    Nothing is changed. Ends with 1 if something is wrong.

    Example: `treadle doctor --db /srv/reviews/treadle.db`
    """
    from treadle.commands.checks import checks

    found = list(checks(db, graphs))
    wrong = [check for check in found if check.state == "wrong"]
    if json:
        as_json(found)
    else:
        table(
            ("state", "what", "finding", "what to do"), [(one.state, one.what, one.finding, one.cure) for one in found]
        )
        say(f"{len(wrong)} of {len(found)} checks found something wrong." if wrong else "Nothing is wrong.")
    raise typer.Exit(FAILED if wrong else 0)
