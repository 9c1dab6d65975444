"""The command line as a user runs it: real processes, piped or on a terminal."""

import atexit
import fcntl
import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-W", "error", "-m", "treadle")
Done = subprocess.CompletedProcess[str]


def environment(folder: Path, **given: str) -> dict[str, str]:
    """The environment of a process that has only the rules model, and no AWS credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TREADLE_"))}
    return {**kept, "TREADLE_MODEL": "rules", "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **given}


ZYGOTE = """
import json, os, sys
import treadle.commands.checks, treadle.commands.contracts, treadle.commands.stories, treadle.commands.outlines
import treadle.checkpoints, treadle.examples.contract_review, treadle.graphs.catalogs, treadle.graphs.drawings
import treadle.graphs.progress, treadle.nodes.rules
import warnings
for line in sys.stdin:
    job = json.loads(line)
    pid = os.fork()
    if pid == 0:
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        for number, name in enumerate(job["files"]):
            way = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(name, way), number)
        sys.stdin, sys.argv = open(0, closefd=False), ["treadle", *job["arguments"]]
        warnings.simplefilter("error")
        treadle.commands.main()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""A process that has loaded everything and forks one for each command: a real process, without seconds of imports."""


@cache
def _zygote() -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", ZYGOTE]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(started.kill)
    return started


def treadle(folder: Path, *arguments: str, given: str = "", **variables: str) -> Done:
    """Run a command in a folder, not on a terminal."""
    zygote = _zygote()
    assert zygote.stdin is not None
    assert zygote.stdout is not None
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place) / name for name in ("stdin", "stdout", "stderr")]
        files[0].write_text(given)
        job = {"folder": str(folder), "environment": environment(folder, **variables), "files": list(map(str, files))}
        zygote.stdin.write(json.dumps({**job, "arguments": arguments}) + "\n")
        zygote.stdin.flush()
        code = int(zygote.stdout.readline())
        return Done(["treadle", *arguments], code, files[1].read_text(), files[2].read_text())


def begun(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """Start a command in a folder, and do not wait for it."""
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, env=environment(folder, **variables), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def listed(folder: Path, *arguments: str) -> Any:
    """The JSON that a command prints."""
    done = treadle(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(done: Done, *words: str, code: int = 2) -> None:
    """Check that a command ended with a code and one line that says these words, and no traceback."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("treadle: ")
    for word in words:
        assert word in lines[0], (word, lines[0])


def talk(
    folder: Path, arguments: Iterable[str], turns: Iterable[tuple[str, str]], variables: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command on a terminal: wait for a text, type a line, and so on; return the exit code and what was shown."""
    ours, theirs = pty.openpty()
    env = environment(folder, **{"TERM": "xterm", "COLUMNS": "120", **(variables or {})})
    command = [*COMMAND, *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches the process
    )  # fmt: skip
    os.close(theirs)
    try:
        shown = _conversation(process, ours, list(turns))
    finally:
        process.kill() if process.poll() is None else None
        process.wait()
        os.close(ours)
    return process.returncode, shown


def _conversation(process: "subprocess.Popen[bytes]", ours: int, turns: list[tuple[str, str]]) -> str:
    shown, seen, until = "", 0, time.monotonic() + 240
    while time.monotonic() < until:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                shown += os.read(ours, 65536).decode(errors="replace")
            except OSError:  # the other end is closed: the process has ended
                process.wait(30)
                break
        while turns and turns[0][0] in shown[seen:]:
            awaited, typed = turns.pop(0)
            seen = shown.index(awaited, seen) + len(awaited)
            os.write(ours, f"{typed}\n".encode())
    assert not turns, f"never shown: {turns[0][0]!r}\n{shown}"
    return shown
