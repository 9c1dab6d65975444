"""Beside LangGraph's saver in memory, which forgets all at the end of the process: time, and memory that is kept."""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from stores import chains, crowds, fanouts
from stores.claims import Claim, Claims
from stores.subjects import Opened, memory, none, ours
from stores.timings import run, told
from treadle.checkpoints import SqliteSaver

_SUBJECTS: dict[str, Opened] = {"none": none, "memory": memory, "ours": ours}


def claims(*, repeats: int, quick: bool) -> Claims:
    """There is no goal: what is in memory is gone with the process."""
    for name, graph, value in (
        ("loop 200", chains.loop(200), {"document": chains.DOCUMENT, "found": []}),
        ("fan-out 1000", fanouts.fan(), {"count": 1000, "results": []}),
    ):
        timings = run(graph, value, _SUBJECTS, repeats)
        bare = timings["none"].median
        beside = (timings["ours"].median - bare) / (timings["memory"].median - bare)
        yield Claim(f"{name}: added time over LangGraph's saver in memory, sync", beside, note=told(timings))
    if sys.platform != "linux":
        return
    count = 2_000 if quick else 20_000
    kept = {which: _kept(which, count) for which in ("ours", "memory")}
    note = ", ".join(f"{which} {grown:.0f} MB" for which, grown in kept.items())
    name = f"{count} threads of two steps: memory over LangGraph's saver in memory"
    yield Claim(name, kept["ours"] / kept["memory"], note=note)


def _kept(which: str, count: int) -> float:
    """Megabytes by which a process of its own grows while it stores very many threads."""
    command = [sys.executable, "-W", "ignore", "-m", "stores.memories", which, str(count)]
    place = Path(__file__).parents[1]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, cwd=place).stdout)


def _grow(which: str, count: int) -> float:
    before = _resident()
    with tempfile.TemporaryDirectory() as folder:
        if which == "memory":
            with memory(Path(folder)) as saver:
                crowds.fill(saver, count)
                return _resident() - before
        with SqliteSaver(Path(folder) / "x.db", synchronous="OFF") as mine:
            for start in range(0, count, 1000):
                crowds.stored(mine, min(1000, count - start), start=start)
        return _resident() - before


def _resident() -> float:
    """Megabytes that this process holds now; its peak would be its parent's, which Linux hands on."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    print(_grow(sys.argv[1], int(sys.argv[2])))
