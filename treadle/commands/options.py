"""The options that commands share, and what they open."""

import getpass
import json
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.mistakes import Mistake
from treadle.errors import ModelUnavailable, StoreOlder, StoreReadOnly

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.runs import Run
    from treadle.graphs.catalogs import Catalog

DEFAULT = Path("treadle.db")

Database = Annotated[
    Path,
    typer.Option("--db", envvar="TREADLE_DB", metavar="PATH", help="The database file.", show_default="treadle.db"),
]
Graphs = Annotated[
    Path | None,
    typer.Option(
        "--graphs", metavar="FILE", help="The langgraph.json that names the graphs.", show_default="./langgraph.json"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="SPEC", help="rules, local, local:WEIGHTS or bedrock:MODEL-ID.", show_default="the best here"
    ),
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides.", show_default="your login name")]
Roles = Annotated[
    list[str] | None, typer.Option("--role", metavar="ROLE", help="A role that you decide under; may be said again.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The review's id, or the beginning of it.")]
Thread = Annotated[str | None, typer.Option("--thread", metavar="ID", help="The run, where several share the id.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="How many to list.")]


def opened(path: Path) -> "SqliteSaver":
    """Return the database, made if it is not there."""
    from treadle.checkpoints import SqliteSaver

    return SqliteSaver(path)


def existing(path: Path, *, readonly: bool = True) -> "SqliteSaver":
    """Return a database that must be there already; by default it is only read.

    One of an earlier treadle is brought up to date first, by reading commands too.

    Raises:
        Mistake: it is not there.
    """
    from treadle.checkpoints import SqliteSaver

    if not there(path):
        raise Mistake(f"There is no database at {path}: `treadle demo` or `treadle run` makes one, --db names another.")
    try:
        return SqliteSaver(path, readonly=readonly)
    except StoreOlder:
        with suppress(StoreReadOnly):
            SqliteSaver(path).close()
        return SqliteSaver(path, readonly=readonly)


def there(path: Path) -> bool:
    """Whether there is such a file, for all that can be seen."""
    try:
        return Path(os.path.expanduser(path)).exists()
    except OSError:
        return True  # what opens it says what is wrong


def catalog(path: Path | None) -> "Catalog":
    """Return the graphs that are known here."""
    from treadle.graphs.catalogs import catalog as read

    return read(path)


def usable(spec: str) -> None:
    """Make sure that a model can be used here, as far as that can be known without calling it.

    Raises:
        ModelUnavailable: it cannot; the message says what would help.
    """
    from treadle.nodes.local import weights
    from treadle.nodes.models import model

    model(spec)
    kind, _, detail = spec.partition(":")
    if kind == "local":
        if find_spec("xllamacpp") is None:
            raise ModelUnavailable("A local model needs the package xllamacpp: pip install 'treadle[local]'")
        weights.find(detail or weights.DEFAULT)


def content(given: str, *, option: str) -> str:
    """Return what an option gives: the text itself, a file's content for ``@file``, the standard input for ``-``."""
    if given == "-":
        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    try:
        return Path(given[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise Mistake(f"{option}: {given[1:]} cannot be read: {reason}.") from None


def data(given: str, *, option: str) -> Any:
    """Return the data that an option gives as JSON, as ``@file``, or as ``-`` for the standard input.

    Raises:
        Mistake: it is no JSON; the message says where.
    """
    text = content(given, option=option)
    try:
        return json.loads(text)
    except ValueError as error:
        raise Mistake(
            f'{option} is not JSON ({error}): write such as \'{{"key": "value"}}\', or @file for the content of a file.'
        ) from None


def person(given: str | None) -> str:
    """Return who decides: the name given, or the login name."""
    if given is not None:
        if not given.strip():
            raise Mistake("--by is empty: name who decides.")
        return given
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise Mistake("This system does not say who you are: name who decides with --by.") from None


def advanced(saver: "SqliteSaver", graphs: Path | None, thread: str) -> "Run":
    """Take a run on as far as it goes, by the graph that it is of.

    Raises:
        Mistake: it does not say which graph it is of.
    """
    from treadle.checkpoints.runs import run as load
    from treadle.graphs.runs import resume

    run = load(saver, thread)
    if run.graph is None:
        raise Mistake(f"The run {thread} does not say which graph it is of: what is recorded stays, and the run waits.")
    return resume(catalog(graphs).known(run.graph), thread, saver=saver)
