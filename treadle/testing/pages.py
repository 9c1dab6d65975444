"""The page in a process of its own, and how Chromium opens it without a screen, for tests that drive it.

with served("treadle.db", graphs="langgraph.json") as address:
    browser.new_page().goto(f"{address}/?by=Ada")
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from urllib.request import urlopen

from treadle.errors import PageUnavailable

CHROMIUM = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Options of Chromium: it needs no screen, and asks nothing of any other host by itself."""


@contextmanager
def served(
    db: str | os.PathLike[str],
    *,
    graphs: str | os.PathLike[str] | None = None,
    worker: bool = True,
    cwd: str | os.PathLike[str] | None = None,
    log: IO[str] | None = None,
) -> Iterator[str]:
    """Serve the page for a database by `treadle ui` on a free port, and tell its address once it answers.

    Without a `worker` no run goes on while it is served. Streamlit looks for its secrets in the folder `cwd`. What the
    server prints goes to `log`, else its standard output is dropped. Raises PageUnavailable if the process ends
    before it answers.
    """
    from treadle.ui.servers import free  # loads Streamlit

    port = free(0)
    command = ["-m", "treadle", "ui", "--db", os.fspath(db), "--port", str(port)]
    command += ["--graphs", os.fspath(graphs)] if graphs is not None else []
    command += [] if worker else ["--no-worker"]
    with running(port, *command, cwd=cwd, log=log) as address:
        yield address


@contextmanager
def running(
    port: int, *command: str, cwd: str | os.PathLike[str] | None = None, log: IO[str] | None = None
) -> Iterator[str]:
    """Run Python with Streamlit serving at a port of this machine, and tell its address once it answers.

    Raises PageUnavailable if the process ends before it answers.
    """
    address = f"http://127.0.0.1:{port}"
    out = log or subprocess.DEVNULL
    with subprocess.Popen([sys.executable, *command], cwd=cwd, stdout=out, stderr=log) as server:
        try:
            while not answers(f"{address}/_stcore/health"):
                if server.poll() is not None:
                    raise PageUnavailable(f"The page ended with code {server.returncode} before it answered.")
                time.sleep(0.05)
            yield address
        finally:
            server.terminate()


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        with urlopen(url) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
