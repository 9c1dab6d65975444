"""``treadle worker``: take on every run that can go on."""

import logging
import os
import signal
import sys
import time
from types import FrameType
from typing import Annotated

import typer

from treadle.commands.options import DEFAULT, Database, Graphs, catalog, opened
from treadle.commands.printing import many, say


def worker(
    once: Annotated[bool, typer.Option("--once", help="Do what can be done now, and end.")] = False,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Runs at the same time.")] = 2,
    notify: Annotated[
        list[str] | None,
        typer.Option("--notify", metavar="KIND:REST", help="Tell log:FILE or webhook:URL what happens."),
    ] = None,
    db: Database = DEFAULT,
    graphs: Graphs = None,
) -> None:
    """Take on every run that was decided, that stalled, or that is to be tried again; enact deadlines; send notices.

    A webhook is signed with the secret in TREADLE_WEBHOOK_SECRET; `treadle notices` lists what was not taken.

    Ends on SIGTERM or Ctrl-C after the steps that are under way; whatever is left goes on with the next worker. Several
    workers may serve one database.

    Example: `treadle worker --concurrency 4`
    """
    from treadle.checkpoints import notifier
    from treadle.checkpoints.workers import Worker

    logging.basicConfig(format="%(asctime)s  %(message)s", datefmt="%H:%M:%S", stream=sys.stdout, force=True)
    logging.getLogger("treadle").setLevel(logging.INFO)
    known, channels = catalog(graphs), [notifier(one) for one in notify or ()]
    with opened(db) as saver:
        serving = Worker(saver, lambda name: known.served(name, saver), concurrency=concurrency, channels=channels)
        if once:
            say(f"{many(serving.once(), 'run')} advanced.")
            return

        def end(number: int, frame: FrameType | None) -> None:
            line = f"{time.strftime('%H:%M:%S')}  ending after the steps under way\n"
            os.write(sys.stdout.fileno(), line.encode())  # a signal may come amid another line's printing
            serving.stop()

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, end)
        say(f"{time.strftime('%H:%M:%S')}  serving {db} with the graphs {', '.join(known.names)}; Ctrl-C ends it")
        serving.run()
        say(f"{time.strftime('%H:%M:%S')}  ended")
