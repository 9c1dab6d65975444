"""``treadle versions``: which versions of a graph there are, how they differ and fare, and which one new runs take."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.mistakes import Mistake
from treadle.commands.options import DEFAULT, Database, Json, existing
from treadle.commands.printing import as_json, many, say, table, told, when

if TYPE_CHECKING:
    from treadle.checkpoints.ledgers.comparisons import Comparison, Measure
    from treadle.checkpoints.versions import Version

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")

Graph = Annotated[str, typer.Argument(help="What the ledger calls the graph.")]
Which = Annotated[str, typer.Argument(help="A version: its name, its fingerprint, or the beginning of that.")]

CHANCE = 0.05
"""The likelihood of chance from which a difference is not taken for one."""


@app.callback()
def versions(
    ctx: typer.Context,
    graph: Annotated[str | None, typer.Option("--graph", metavar="NAME", help="Only those of this graph.")] = None,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """List the versions of graphs, with their runs and the share of new runs that each takes.

    Example: `treadle versions --graph letters`
    """
    shared = {"db": db, "json": json}
    ctx.default_map = dict.fromkeys(("diff", "name", "split", "roll-back", "compare"), shared)
    if ctx.invoked_subcommand is None:
        _list(db, graph, json=json)


@app.command("diff")
def diff(graph: Graph, first: Which, second: Which, db: Database = DEFAULT, json: Json = False) -> None:
    """Show what is not the same in two versions: prompts, schemas, models, code, edges.

    Example: `treadle versions diff letters v1 v2`
    """
    from treadle.checkpoints.versions import difference, version

    with existing(db) as saver:
        lines = difference(version(saver, graph, first).described, version(saver, graph, second).described)
    if json:
        as_json(lines)
    else:
        say("\n".join(lines) or "They are the same.")


@app.command("name")
def name(graph: Graph, which: Which, called: str, db: Database = DEFAULT, json: Json = False) -> None:
    """Give a version a name.

    Example: `treadle versions name letters 1f2e3d4c v2`
    """
    from treadle.checkpoints import versions as store

    with existing(db, readonly=False) as saver:
        found = store.name(saver, graph, which, called)
    _said({"graph": graph, "fingerprint": found.fingerprint, "name": found.name}, json=json)


@app.command("split")
def split(
    graph: Graph,
    weights: Annotated[list[str], typer.Argument(metavar="VERSION=WEIGHT...", help="One alone is pinned so.")],
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Let new runs take versions by weight, always the same one for a thread; one version alone is pinned.

    Example: `treadle versions split letters v1=9 v2=1`
    """
    from treadle.checkpoints import versions as store

    given = dict(map(_weight, weights))
    with existing(db, readonly=False) as saver:
        try:
            store.split(saver, graph, given)
        except ValueError as error:
            raise Mistake(str(error)) from None
        _said(_shares(store.weights(saver, graph), store.versions(saver, graph)), json=json)


@app.command("roll-back")
def roll_back(graph: Graph, db: Database = DEFAULT, json: Json = False) -> None:
    """Let new runs take the versions that they took before the last change; twice comes back.

    Example: `treadle versions roll-back letters`
    """
    from treadle.checkpoints import versions as store

    with existing(db, readonly=False) as saver:
        held = store.roll_back(saver, graph)
        _said(_shares(held, store.versions(saver, graph)), json=json)


@app.command("compare")
def compare(graph: Graph, first: Which, second: Which, db: Database = DEFAULT, json: Json = False) -> None:
    """Compare two versions over all their runs, with intervals and how likely each difference is by chance.

    Example: `treadle versions compare letters v1 v2`
    """
    from treadle.checkpoints.ledgers.comparisons import compare as measured

    with existing(db) as saver:
        found = measured(saver, graph, first, second)
    if json:
        as_json({"runs": found.runs, "measures": {key: asdict(one) for key, one in found.measures.items()}})
    else:
        _compared(found)


def _list(db: Any, graph: str | None, *, json: bool) -> None:
    from treadle.checkpoints import versions as store

    with existing(db) as saver:
        found = store.versions(saver, graph)
        runs = store.counts(saver)
        held = {name: store.weights(saver, name) for name in {one.graph for one in found}}
    rows = [_row(one, runs.get((one.graph, one.fingerprint), 0), held[one.graph]) for one in found]
    if json:
        as_json(rows)
    elif not rows:
        told("No versions yet: a graph has one as soon as it runs on this database.")
    else:
        columns = ("graph", "name", "version", "first seen", "runs", "share of new runs")
        table(
            columns, [(*list(row.values())[:3], when(row["at"]), row["runs"], _percent(row["share"])) for row in rows]
        )


def _row(one: "Version", runs: int, held: dict[str, float]) -> dict[str, Any]:
    share = held.get(one.fingerprint, 0.0) / sum(held.values()) if held else None
    told = {"graph": one.graph, "name": one.name, "fingerprint": one.fingerprint}
    return {**told, "at": one.at, "runs": runs, "share": share}


def _percent(share: float | None) -> str:
    return "as the program says" if share is None else f"{share:.0%}"


def _shares(held: dict[str, float], known: "list[Version]") -> dict[str, float]:
    names = {one.fingerprint: one.name or one.fingerprint for one in known}
    return {names[version]: round(weight / sum(held.values()), 6) for version, weight in held.items()}


def _said(found: dict[str, Any], *, json: bool) -> None:
    if json:
        as_json(found)
    else:
        say(
            ", ".join(
                f"{key}: {part:.0%}" if isinstance(part, float) else f"{key}: {part}" for key, part in found.items()
            )
        )


def _weight(text: str) -> tuple[str, float]:
    which, _, weight = text.rpartition("=")
    try:
        return which or weight, float(weight) if which else 1.0
    except ValueError:
        raise Mistake(f"{text!r} gives no weight: write VERSION=NUMBER, such as v1=9.") from None


def _compared(found: "Comparison") -> None:
    one, other = (version.name or version.fingerprint for version in (found.first, found.second))
    say(f"{one}: {many(found.runs[0], 'run')}; {other}: {many(found.runs[1], 'run')}")
    columns = ("measure", one, "95 % between", other, "95 % between", "by chance", "")
    table(columns, [(key, *_told(measure)) for key, measure in found.measures.items()])


def _told(one: "Measure") -> tuple[str, ...]:
    apart = "they differ" if one.p < CHANCE else "may be the same"
    spans = [f"{low:.4g} to {high:.4g}" for low, high in (one.first_interval, one.second_interval)]
    return (f"{one.first:.4g}", spans[0], f"{one.second:.4g}", spans[1], f"{one.p:.3f}", apart)
