"""``treadle ui``: the page for reviewers."""

from typing import Annotated

import typer

from treadle.commands.options import DEFAULT, Database, Graphs


def ui(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port on this machine.")] = 8501,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Do not take runs on; a `treadle worker` does.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    user_header: Annotated[
        str | None,
        typer.Option("--user-header", metavar="NAME", help="Believe a proxy here who the user is."),
    ] = None,
    groups_header: Annotated[
        str | None, typer.Option("--groups-header", metavar="NAME", help="The same for the user's roles, with commas.")
    ] = None,
    db: Database = DEFAULT,
    graphs: Graphs = None,
) -> None:
    """Serve the page on this machine: what waits, the questions, the runs, the graphs. Ctrl-C ends it.

    Example: `treadle ui --open`
    """
    from treadle.ui.servers import serve

    serve(
        db, graphs=graphs, port=port, worker=not no_worker, open=open_, user_header=user_header,
        groups_header=groups_header,
    )  # fmt: skip
