"""``treadle demo``: a contract goes in, decisions are made, a memo comes out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from treadle.commands.mistakes import Mistake, code
from treadle.commands.options import DEFAULT, Database, Model, opened


def demo(
    document: Annotated[
        Path | None,
        typer.Option("--document", metavar="FILE", help="Markdown, text or PDF.", show_default="a services agreement"),
    ] = None,
    model: Model = None,
    ui: Annotated[bool, typer.Option("--ui", help="Open the page for reviewers at once.")] = False,
    unattended: Annotated[bool, typer.Option("--unattended", help="Let a fixed rule decide; it says which.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew instead of going on.")] = False,
    db: Database = DEFAULT,
) -> None:
    """Review a contract: rate every clause, ask you about the harmful and the doubtful ones, write a memo.

    Needs no account and no network. Started again, it goes on where it was, even after it was killed.

    Example: `treadle demo --document agreement.pdf --model local`
    """
    from treadle.commands.contracts import Manner, contract, introduced, material

    if ui and unattended:
        raise Mistake("--ui is for deciding by hand and --unattended is not: give one of them.")
    spec = introduced(model)
    here = sys.stdin.isatty() and sys.stdout.isatty()
    manner: Manner = "page" if ui else "rule" if unattended else "hand" if here else "nobody"
    found = material(document)
    with opened(db) as saver:
        run = contract(saver, document, spec, found, fresh=fresh, named=model is not None).review(manner)
    raise typer.Exit(code(run.status))
