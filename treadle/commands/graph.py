"""``treadle graph``: draw a graph."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, Database, Graphs, Json, catalog, existing
from treadle.commands.printing import as_json, table, told

if TYPE_CHECKING:
    from treadle.graphs.catalogs import Catalog


class Format(StrEnum):
    """The languages of drawings."""

    TEXT = "text"
    DOT = "dot"
    MERMAID = "mermaid"
    SVG = "svg"


def graph(
    name: Annotated[str | None, typer.Argument(help="The graph's name; without it, all graphs are listed.")] = None,
    format: Annotated[Format, typer.Option("--format", help="How to draw it.")] = Format.TEXT,  # noqa: A002
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Write it to a file.")] = None,
    thread: Annotated[
        str | None, typer.Option("--thread", metavar="ID", help="Show how far this run has come.")
    ] = None,
    db: Database = DEFAULT,
    graphs: Graphs = None,
    json: Json = False,
) -> None:
    """Draw a graph with everything inside it, or list the graphs there are. Nothing is sent anywhere.

    Example: `treadle graph contract_review --format svg --output contract_review.svg`
    """
    known = catalog(graphs)
    if name is None:
        _list(known, json=json)
        return
    drawn = _drawn(known.graph(name), format, _progress(db, thread) if thread else None)
    if output is None:
        print(drawn)
        return
    try:
        output.write_text(drawn + "\n", encoding="utf-8")
    except OSError as error:
        raise Mistake(f"{output} cannot be written: {error.strerror}.") from None
    told(f"Written to {output}.")


def _list(known: "Catalog", *, json: bool) -> None:
    rows = [(name, known.entries[name].spec, known.description(name)) for name in known.names]
    if json:
        as_json([dict(zip(("name", "spec", "description"), row, strict=True)) for row in rows])
        return
    table(("name", "where", "description"), rows)
    told(
        f"From {known.path}." if known.path else "There is no langgraph.json here; the shipped example is always known."
    )


def _progress(db: Path, thread: str) -> Mapping[str, Any]:
    from treadle.checkpoints.runs import run
    from treadle.graphs.progress import progress

    with existing(db) as saver:
        run(saver, thread)
        return progress(saver, thread)


def _drawn(found: Any, format: Format, progress: Mapping[str, Any] | None) -> str:  # noqa: A002
    from treadle.commands.outlines import outline
    from treadle.graphs import drawings

    draw: dict[Format, Callable[..., str]] = {
        Format.TEXT: outline, Format.DOT: drawings.dot, Format.MERMAID: drawings.mermaid, Format.SVG: drawings.svg,
    }  # fmt: skip
    return draw[format](found, progress=progress)
