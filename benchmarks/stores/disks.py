"""A disk on which every fsync takes 2 ms: imitated by a library that is loaded before SQLite."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from stores import fanouts
from stores.claims import Claim, Claims
from stores.subjects import ASYNC, LINGERS, SYNC_LINGERING, awaited, memory
from stores.texts import prose
from stores.timings import Timing, arun, run, told

_SLOW = """
#include <unistd.h>
int fsync(int fd) { usleep(2000); return 0; }
int fdatasync(int fd) { usleep(2000); return 0; }
"""


def claims(*, repeats: int, quick: bool) -> Claims:
    """The fan-out of 1,000 in a process of its own, on such a disk; nothing where there is no C compiler."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        return
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "slow.c", Path(folder) / "slow.so"
        source.write_text(_SLOW, encoding="utf-8")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        command = [sys.executable, "-m", "stores.disks", str(repeats)]
        place = {"cwd": str(Path(__file__).parents[1]), "env": {**os.environ, "LD_PRELOAD": str(library)}}
        told = subprocess.run(command, check=True, capture_output=True, text=True, **place).stdout  # type: ignore[call-overload]
    for line in told.splitlines():
        way, value, note = line.split("\t")
        yield Claim(f"fan-out 1000 with 2 ms an fsync, FULL, {way}: over no checkpointer", float(value), 1.4, note=note)


def _measure(repeats: int) -> None:
    value = {"count": 1000, "results": []}
    sync = run(fanouts.fan(), value, {**SYNC_LINGERING, "memory": memory}, fanouts.turns(1000, repeats))
    found: dict[str, tuple[str, dict[str, Timing]]] = {
        "sync": ("ours", sync),
        f"sync, {LINGERS}": ("lingering", sync),
        "async": ("ours", arun(fanouts.fan(asynchronous=True), value, {**ASYNC, "memory": awaited(memory)}, repeats)),
    }
    for way, (name, timings) in found.items():
        print(way, timings[name].median / timings["none"].median, told(timings), sep="\t")


if __name__ == "__main__":
    for warm in range(1000):
        prose(1000, warm)
    _measure(int(sys.argv[1]))
