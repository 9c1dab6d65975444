"""``treadle run``: start a graph, or take one of its runs on."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.causes import cause
from treadle.commands.mistakes import Mistake, code
from treadle.commands.options import DEFAULT, Database, Graphs, Json, Model, catalog, data, opened, usable
from treadle.commands.printing import as_json, many, told
from treadle.errors import RunNotFound

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.runs import Run


def run(
    graph: Annotated[str, typer.Argument(help="The graph's name in langgraph.json.")],
    given: Annotated[
        str | None,
        typer.Option("--input", metavar="JSON|@FILE", help="The input: JSON, @file, or - for standard input."),
    ] = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="ID", help="The run's thread id.")] = None,
    model: Model = None,
    db: Database = DEFAULT,
    graphs: Graphs = None,
    json: Json = False,
) -> None:
    """Run a graph until it ends or a person is needed.

    Without `--input` the run of `--thread` goes on where it was.

    Example: `treadle run contract_review --input '{"text": "1. Fees. ..."}' --model rules`
    """
    from treadle.graphs.bars import bars
    from treadle.graphs.runs import resume, start

    if given is None and thread is None:
        raise Mistake("Nothing to run: give --input for a new run, or --thread for one that is to go on.")
    if model:
        usable(model)
    value = data(given, option="--input") if given is not None else None
    known = catalog(graphs)
    found, newest = known.known(graph), known.graph(graph)
    with opened(db) as saver:
        config: Any = {"configurable": {"model": model}} if model else None
        if value is None:
            assert thread is not None
            _same(saver, thread, graph)
            with bars():
                done = resume(found, thread, saver=saver, config=config)
        else:
            _fits(newest, value, graph)
            _new(saver, thread)
            with bars():
                done = start(found, value, saver=saver, name=graph, thread_id=thread, config=config)
        shown(saver, newest, done, json=json)
    raise typer.Exit(code(done.status))


def _fits(graph: Any, value: Any, name: str) -> None:
    """Refuse an input that lacks what the graph says it reads."""
    wanted = getattr(graph, "reads", ())
    missing = [key for key in wanted if not isinstance(value, dict) or key not in value]
    if missing:
        raise Mistake(f"--input lacks {', '.join(missing)}: the graph {name!r} reads {', '.join(wanted)}.")


def _new(saver: "SqliteSaver", thread: str | None) -> None:
    """Refuse to give new input to a run that is under way."""
    from treadle.checkpoints.runs import run as load

    try:
        found = load(saver, thread) if thread else None
    except RunNotFound:
        return
    if found and found.status != "done" and found.steps:
        raise Mistake(
            f"The run {thread} is {found.status} already: leave out --input to take it on, or name another --thread."
        )


def _same(saver: "SqliteSaver", thread: str, graph: str) -> None:
    """Refuse to take a run on with a graph that is not its own."""
    from treadle.checkpoints.runs import run as load

    found = load(saver, thread)
    if found.graph not in (None, graph):
        raise Mistake(f"The run {thread} is of the graph {found.graph!r}, not {graph!r}.")


def shown(saver: "SqliteSaver", graph: Any, run: "Run", *, json: bool) -> None:
    """Print where a run stands: its result when it is done, and what to do next otherwise."""
    result = output(saver, graph, run.thread_id) if run.status == "done" else None
    if json:
        as_json({"run": run, "output": result})
        return
    told(f"Run {run.thread_id}: {run.status}.")
    if run.status == "done":
        as_json(result)
    told(advice(run))


def output(saver: "SqliteSaver", graph: Any, thread: str) -> dict[str, Any]:
    """What a graph has given: the values of its output schema."""
    from treadle.graphs.runs import compiled

    made = compiled(graph, saver)
    values = made.get_state({"configurable": {"thread_id": thread}}).values
    given = made.output_channels
    keys = {given} if isinstance(given, str) else set(given)
    return {key: value for key, value in values.items() if key in keys or "__root__" in keys}


def advice(run: "Run") -> str:
    """What can be done about a run as it stands."""
    thread = run.thread_id
    if run.status in ("failed", "parked"):
        return f"Error: {cause(run.error)}\nWhen that is put right: treadle run {run.graph} --thread {thread}"
    if run.pending:
        return f"{many(run.pending, 'review')} to be decided: treadle ui, or treadle reviews and treadle decide."
    if run.status != "done":
        return f"It goes on with: treadle run {run.graph} --thread {thread}, or treadle worker."
    return f"The whole story: treadle runs show {thread}"
