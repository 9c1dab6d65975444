"""A life lived in a database, the same with every version of treadle: `tests/ages/` has the files that each made of it.

    python tests/ages.py tests/ages

adds the file of the present version. Those of earlier ones were made by their own code, and are never made anew.
Versions 3 to 7 lived for hours, between two others, and no file of theirs was ever given to anyone.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import zstandard
from langgraph.types import Command
from workloads import INPUT, WORKLOADS, waiting

from treadle.checkpoints import SqliteSaver, advance, decide, pending

FOLDER = Path(__file__).parent / "ages"


def at(thread: str) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def end(graph: Any, thread: str) -> None:
    """Answer whatever is asked, all at once."""
    while open_ := waiting(graph, at(thread)):
        graph.invoke(Command(resume=dict.fromkeys(open_, "yes")), at(thread))


def live(path: Path) -> None:
    """Fill a file: runs that wait, that ended and that were advanced, decisions, journal and trace."""
    with SqliteSaver(path) as saver:
        for name, build in WORKLOADS.items():
            graph = build().compile(checkpointer=saver)
            graph.invoke(INPUT, at(name))
            graph.invoke(INPUT, at(f"{name}, ended"))
            end(graph, f"{name}, ended")
        advance(saver, WORKLOADS["fan"]().compile(checkpointer=saver), "advanced", input=INPUT, name="fan")
        for thread in ("advanced", "nested"):
            for review in sorted(pending(saver, thread=thread), key=lambda one: str(one.value))[:2]:
                decide(saver, review.id, answer="yes", by="ann", thread=thread)
        for number in range(3):
            saver.remember("fan", f"key {number}", {"number": number, "words": "said before " * 50})
        saver.trace("fan", {"step": "a", "prompt": "said " * 100, "tokens_in": 7, "tokens_out": 3})


def main() -> None:
    from treadle.checkpoints.disks.schemas import VERSION

    target = Path(sys.argv[1]) / f"{VERSION}.db.zst"
    with tempfile.TemporaryDirectory() as folder:
        live(Path(folder) / "x.db")
        target.write_bytes(zstandard.ZstdCompressor(level=19).compress((Path(folder) / "x.db").read_bytes()))
    print(target, target.stat().st_size)


if __name__ == "__main__":
    main()
