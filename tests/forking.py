"""Commands and programs in processes forked from one that has loaded everything: real ones, without seconds of imports.

``python tests/forking.py FD`` is that one; it takes jobs on a socket, with the files that a process shall have.
"""

import atexit
import fcntl
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import warnings
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

MODULES = (
    "json_repair", "langchain_core.prompts.chat", "treadle.checkpoints", "treadle.commands.checks",
    "treadle.commands.contracts", "treadle.commands.outlines", "treadle.commands.stories",
    "treadle.examples.contract_review", "treadle.graphs.catalogs", "treadle.graphs.drawings", "treadle.graphs.progress",
    "treadle.graphs.runs", "treadle.nodes.rules", "typer.rich_utils",
)  # fmt: skip
"""What commands load."""


class Forked:
    """A command's process, with what tests ask of a `subprocess.Popen`."""

    def __init__(self, report: int, stdout: int | None = None, stderr: int | None = None) -> None:
        self._report = os.fdopen(report)
        self.pid = int(self._report.readline())
        self.stdout, self.stderr = (os.fdopen(end) if end is not None else None for end in (stdout, stderr))
        self.returncode: int | None = None

    def poll(self, seconds: float | None = 0) -> int | None:
        """The exit code, a signal's number below zero, or None while it runs."""
        if self.returncode is None and select.select([self._report], [], [], seconds)[0]:
            self.returncode = int(self._report.readline())
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once there is one."""
        if (code := self.poll(timeout)) is None:
            raise subprocess.TimeoutExpired("treadle", timeout or 0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it still prints until its end, on both ways out."""
        with self, ThreadPoolExecutor() as pool:
            shown, told = pool.map(lambda stream: str(stream.read()) if stream else "", (self.stdout, self.stderr))
            self.wait(timeout)
        return shown, told

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *exception: object) -> None:
        self.wait()
        for stream in (self._report, self.stdout, self.stderr):
            if stream is not None:
                stream.close()


@cache
def _zygote() -> socket.socket:
    ours, theirs = socket.socketpair()
    command = [sys.executable, __file__, str(theirs.fileno())]
    started = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(started.wait)
    atexit.register(ours.close)
    theirs.close()
    return ours


def fork(
    arguments: Iterable[str], folder: Path, environment: Mapping[str, str], files: Iterable[int], *, terminal: bool
) -> int:
    """Begin a command, or with ``-c`` a program, in a folder; where its process and then its end are reported."""
    given = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
    ours, theirs = os.pipe()
    job = json.dumps({**given, "terminal": terminal}).encode()
    socket.send_fds(_zygote(), [len(job).to_bytes(4, "big")], [*files, theirs])
    _zygote().sendall(job)
    os.close(theirs)
    return ours


def serve(jobs: socket.socket) -> None:
    """Load everything; then begin a command for every job, until nobody is there to send one."""
    for name in MODULES:
        import_module(name)
    gc.collect()
    gc.freeze()  # else every command's end would look through all of LangGraph for what could be thrown away: 0.5 s
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        size, files, *_ = socket.recv_fds(jobs, 4, 4)
        if not size:
            return
        job = json.loads(jobs.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL))
        if os.fork() == 0:
            jobs.close()
            _keep(job, *files)
        for file in files:
            os.close(file)


def _keep(job: dict[str, Any], *files: int) -> NoReturn:
    """Have one process work, and report which it is and how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    report = files[3]
    if (pid := os.fork()) == 0:
        os.close(report)
        _work(job, *files[:3])
    for file in files[:3]:
        os.close(file)
    os.write(report, f"{pid}\n".encode())
    os.write(report, f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
    os._exit(0)


def _work(job: dict[str, Any], *files: int) -> NoReturn:
    """Become the command: its folder, its environment, its files, and warnings as errors."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if job["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches the process
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.path[0] = ""  # as with `python -m` and `python -c`
    if job["arguments"][:1] == ["-c"]:
        sys.argv = ["-c", *job["arguments"][2:]]
        exec(job["arguments"][1], {"__name__": "__main__"})
    else:
        sys.argv = ["treadle", *job["arguments"]]
        warnings.simplefilter("error")
        import_module("treadle.commands").main()
    sys.exit()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
