"""The page for reviewers, served by a process beside this one."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from treadle.errors import PageUnavailable

PATIENCE = 60.0
"""Seconds that the page may take to come up."""


@contextmanager
def page(db: Path, *, port: int = 8501) -> Iterator[str]:
    """Serve the page, with its worker, while the block runs, and open it in the browser; gives its address.

    Another port is taken if this one is in use.
    """
    from treadle.ui.servers import free

    try:
        found = free(port)
    except PageUnavailable:
        found = free(0)
    command = [sys.executable, "-m", "treadle", "ui", "--db", str(db), "--port", str(found), "--open"]
    serving = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _up(serving, found)
        yield f"http://127.0.0.1:{found}"
    finally:
        serving.terminate()
        serving.wait()


def _up(serving: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + PATIENCE
    while serving.poll() is None and time.monotonic() < until:
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise PageUnavailable("The page did not come up: `treadle ui` says why. `treadle demo` without --ui needs no page.")
