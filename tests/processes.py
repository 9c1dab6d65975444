"""The command line as a user runs it: real processes, piped or on a terminal."""

import json
import os
import pty
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from forking import Forked, fork

COMMAND = (sys.executable, "-W", "error", "-m", "treadle")
Done = subprocess.CompletedProcess[str]


def environment(folder: Path, **given: str) -> dict[str, str]:
    """The environment of a process that has only the rules model, and no AWS credentials."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TREADLE_"))}
    return {**kept, "TREADLE_MODEL": "rules", "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **given}


def treadle(folder: Path, *arguments: str, given: str = "", **variables: str) -> Done:
    """Run a command in a folder, not on a terminal."""
    with tempfile.TemporaryFile("w+") as typed:
        typed.write(given)
        typed.seek(0)
        process = _forked(folder, arguments, typed.fileno(), variables)
        shown, told = process.communicate()
        return Done(["treadle", *arguments], process.wait(), shown, told)


def begun(folder: Path, *arguments: str, **variables: str) -> Forked:
    """Start a command in a folder, and do not wait for it."""
    with open(os.devnull) as nothing:
        return _forked(folder, arguments, nothing.fileno(), variables)


def programmed(code: str, *arguments: object) -> Forked:
    """Start a Python program, which finds what lies beside this, and do not wait for it."""
    return begun(Path(__file__).parent, "-c", code, *map(str, arguments))


def program(code: str, *arguments: object) -> Done:
    """Run such a program."""
    process = programmed(code, *arguments)
    shown, told = process.communicate()
    return Done(["-c"], process.wait(), shown, told)


def _forked(folder: Path, arguments: Iterable[str], stdin: int, variables: Mapping[str, str]) -> Forked:
    stdout, stderr = os.pipe(), os.pipe()
    files = (stdin, stdout[1], stderr[1])
    report = fork(arguments, folder, environment(folder, **variables), files, terminal=False)
    for file in files[1:]:
        os.close(file)
    return Forked(report, stdout[0], stderr[0])


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
    with Forked(fork(arguments, folder, env, [theirs] * 3, terminal=True)) as process:
        os.close(theirs)
        try:
            shown = _conversation(process, ours, list(turns))
        finally:
            process.kill()
            os.close(ours)
    return process.wait(), shown


def _conversation(process: Forked, ours: int, turns: list[tuple[str, str]]) -> str:
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
