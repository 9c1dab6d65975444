"""``treadle export``: what was decided, as data for training, evaluation and other tools."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from treadle.commands.db import written
from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, Database, Roles, existing
from treadle.commands.printing import many, say, told


def export(
    form: Annotated[
        str,
        typer.Argument(
            metavar="[jsonl|csv|sft|preferences|evaluation|ground-truth|a2i]", help="What the lines are for."
        ),
    ],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write it.", show_default="standard output")
    ] = None,
    since: Annotated[int, typer.Option("--since", min=0, metavar="N", help="Only decisions after number N.")] = 0,
    graph: Annotated[str | None, typer.Option("--graph", metavar="NAME", help="Only of this graph.")] = None,
    gate: Annotated[str | None, typer.Option("--gate", metavar="NAME", help="Only of this review.")] = None,
    redact: Annotated[
        list[str] | None,
        typer.Option("--redact", metavar="FIELD", help="Leave this out: email, patient.name, /payload/context/x."),
    ] = None,
    role: Roles = None,
    db: Database = DEFAULT,
) -> None:
    """Write what was decided: a line a decision, oldest first, again from any point.

    **sft**: conversations that end in what people approved or wrote. **preferences**: what they chose over what was
    proposed. **evaluation**: what was given, proposed and right. **ground-truth** and **a2i**: the forms of SageMaker
    Ground Truth and Augmented AI, in which confidence is a share of votes. **csv**: for spreadsheets, without formulas.

    Example: `treadle export preferences pairs.jsonl --since 812 --redact email`
    """
    from treadle.checkpoints import exports
    from treadle.checkpoints.desks.operators import operate

    if form not in exports.FORMS:
        raise Mistake(f"There is no form {form!r}: it is one of {', '.join(exports.FORMS)}.")
    operate("You", role or ())
    wanted: dict[str, Any] = {"since": since, "graph": graph, "gate": gate, "redact": redact or []}
    with existing(db) as saver:
        if file is None:
            made = exports.export(saver, form, sys.stdout, **wanted)
        else:
            made = written(file, lambda content: exports.export(saver, form, content, **wanted), saver.path)
    if file is not None:
        say(f"Wrote {many(made.lines, 'line')} to {file}.")
    told(f"Go on later with --since {made.last}.")
