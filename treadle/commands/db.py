"""``treadle db``: the care of a database: check, backup, compact, prune, import, export."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

import typer

from treadle.commands.mistakes import FAILED, Mistake
from treadle.commands.options import DEFAULT, Database, Json, existing, opened
from treadle.commands.printing import as_json, many, say, told
from treadle.errors import StoreCorrupt, TreadleError

if TYPE_CHECKING:
    from treadle.checkpoints.care.imports import Import

Made = TypeVar("Made")

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Take care of a database.")

SOME = 8
"""Runs that are named where very many could be."""

Thread = Annotated[list[str] | None, typer.Option("--thread", metavar="ID", help="Only this run; may be repeated.")]


@app.command("check")
def check(
    quick: Annotated[bool, typer.Option("--quick", help="Do not decode every stored value.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Check that the file is sound, the record of decisions is whole, and everything stored can be read.

    Changes nothing. Exit code 1 if something is wrong.

    Example: `treadle db check`
    """
    from treadle.checkpoints.care.checkups import checkup

    with existing(db) as saver:
        found = checkup(saver, values=not quick)
    if json:
        as_json(found)
    for problem in [] if json else found:
        say(f"{problem.kind}: {problem.words}")
    wrong = [problem for problem in found if problem.kind != "leftover"]
    told("`treadle doctor` names what can be repaired." if wrong else "The database is sound.")
    raise typer.Exit(FAILED if wrong else 0)


@app.command("backup")
def backup(
    target: Annotated[Path, typer.Argument(help="The file to write.")],
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of an earlier file.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Copy the database while others use it, check the copy, and only then give it its name.

    Example: `treadle db backup nightly.db --replace`
    """
    from treadle.checkpoints.care import backups

    with existing(db) as saver:
        made = backups.backup(saver, target, replace=replace)
    if json:
        as_json(made)
    else:
        say(f"Backed up {many(made.threads, 'run')} to {made.path}: {made.bytes:,} bytes, checked.")


@app.command("compact")
def compact(
    quick: Annotated[bool, typer.Option("--quick", help="Only give free pages back; do not rewrite the file.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Shrink the file to what it needs, and say its size before and after.

    Example: `treadle db compact`
    """
    from treadle.checkpoints.care import compactions

    with existing(db, readonly=False) as saver:
        made = compactions.compact(saver, rewrite=not quick)
    if json:
        as_json(made)
    else:
        say(f"{made.before:,} bytes before, {made.after:,} after.")


@app.command("prune")
def prune(
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="Checkpoints to keep of each run.")] = None,
    older: Annotated[
        str | None, typer.Option("--older", metavar="AGE", help="Only what is older, such as 30d, 12h, 45min.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="With --older: remove runs that are over altogether.")] = False,
    thread: Thread = None,
    dry: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be removed.")] = False,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Remove history, by age or by count; what waits for a person or is being worked on stays, and all decisions.

    Example: `treadle db prune --keep 1 --older 30d`
    """
    from treadle.checkpoints.care import prunings

    if (keep is None and older is None) or (whole and older is None):
        raise Mistake("Say what is to go: --keep COUNT, --older AGE, or both; --whole goes with --older.")
    age = None if older is None else seconds(older, option="--older")
    with existing(db, readonly=False) as saver:
        made = prunings.prune(saver, keep=keep, older=age, whole=whole, threads=thread, dry=dry)
    if json:
        as_json(made)
        return
    would = "Would remove" if dry else "Removed"
    say(f"{would} {many(len(made.runs), 'run')} whole and {many(made.checkpoints, 'checkpoint')} of others.")
    if made.held:
        told(f"Left alone, since a process is at work on them: {', '.join(made.held)}.")
    elif not dry:
        told("`treadle db compact` gives the room back to the disk.")


_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds(age: str, *, option: str) -> float:
    """An age as seconds.

    >>> seconds("30d", option="--older"), seconds("1.5 h", option="--older")
    (2592000.0, 5400.0)
    """
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) *(s|min|h|d|w)", age.strip())
    if found is None:
        raise Mistake(f"{option}: {age!r} is no age: write such as 30d, 12h, 45min.")
    return float(found[1]) * _UNITS[found[2]]


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A database of langgraph-checkpoint-sqlite, or an exported run.")],
    thread: Thread = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Take over the runs of another file: states, histories, pending writes, and the questions that wait.

    Example: `treadle db import checkpoints.sqlite`
    """
    from treadle.checkpoints.care import imports

    if not file.is_file():
        raise Mistake(f"There is no file {file}.")
    if not _is_database(file):
        _restore(file, thread, db, json=json)
        return
    with opened(db) as saver:
        made = imports.load(saver, file, threads=thread)
    if json:
        as_json(made)
    else:
        _told(made)


def _told(made: "Import") -> None:
    counts = f"{many(made.checkpoints, 'checkpoint')}, {many(made.writes, 'pending write')}"
    say(f"Took over {many(len(made.runs), 'run')}: {counts}, {many(made.questions, 'open question')}.")
    if made.skipped:
        more = f" and {len(made.skipped) - SOME} more" if len(made.skipped) > SOME else ""
        told(f"Here already and left alone: {', '.join(made.skipped[:SOME])}{more}.")


def _is_database(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(16) == b"SQLite format 3\0"


def _restore(file: Path, thread: list[str] | None, db: Path, *, json: bool) -> None:
    from treadle.checkpoints.care import exports

    if thread and len(thread) > 1:
        raise Mistake("An exported file holds one run: --thread gives it another thread id, so give it once.")
    try:
        with file.open(encoding="utf-8") as content, opened(db) as saver:
            made = exports.restore(saver, content, thread_id=thread[0] if thread else None)
    except UnicodeDecodeError:
        raise StoreCorrupt(f"The file {file} is neither a database nor an exported run: name another file.") from None
    if json:
        as_json(made)
    else:
        say(f"Took over the run {made.thread_id}.")


@app.command("export")
def export(
    thread: Annotated[str, typer.Argument(help="The run's thread id.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write it.", show_default="standard output")
    ] = None,
    db: Database = DEFAULT,
) -> None:
    """Write one run, whole, as JSON lines; `treadle db import` reads it back.

    Example: `treadle db export contract_review-1f2e3d4c run.jsonl`
    """
    from treadle.checkpoints.care import exports

    with existing(db) as saver:
        if file is None:
            exports.export(saver, thread, sys.stdout)
            return
        made = written(file, lambda content: exports.export(saver, thread, content), saver.path)
    say(f"Wrote the run {made.thread_id} to {file}: {many(made.lines, 'line')}.")


def written(file: Path, write: Callable[[TextIO], Made], db: Path) -> Made:
    """Write a file that appears under its name only when it is whole; a device or a pipe gets it as it comes.

    The database itself, and its log, are refused.
    """
    from treadle.checkpoints.disks.files import beside

    try:
        if file.exists() and any(one.exists() and file.samefile(one) for one in (db, *beside(db))):
            raise Mistake(f"The file {file} is the database itself: name another.")
        if file.exists() and not file.is_file():
            return _filled(file, write)
        return _replaced(file, write)
    except FileNotFoundError:
        raise Mistake(f"The folder {file.parent} does not exist: make it, or name another place.") from None
    except OSError as error:
        if isinstance(error, TreadleError):
            raise
        raise Mistake(f"The file {file} cannot be written: {error.strerror}.") from None


def _replaced(file: Path, write: Callable[[TextIO], Made]) -> Made:
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        made = _filled(part, write)
        part.replace(file)
    finally:
        with suppress(OSError):  # it has its name, or never was
            part.unlink()
    return made


def _filled(file: Path, write: Callable[[TextIO], Made]) -> Made:
    with file.open("w", encoding="utf-8", newline="\n") as content:
        return write(content)
