"""A fan-out whose process is killed amid its branches, and what of it runs again.

python tests/fanning.py                                   # 600 branches; the median of 20 kills in each way
python tests/fanning.py --branches 1000 --finished 500    # as many, killed at half
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from multiprocessing.context import ForkServerProcess
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from treadle import fan_out
from treadle.checkpoints import SqliteSaver
from treadle.nodes import step

WAYS = ("sync", "async", "sync limited", "async limited")
LIMIT = 16
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["treadle.graphs.fanouts", "treadle.checkpoints.savers"])


class State(TypedDict, total=False):
    n: int
    ns: list[int]
    out: Annotated[list[int], add]


def graph(kind: str, log: int, saver: Any) -> Any:
    """A fan-out of treadle's, or a plain one of LangGraph's; each branch notes its end, just before it returns."""

    def ends(n: int) -> int:
        os.write(log, f"{n}\n".encode())
        return n

    async def awork(n: int) -> int:
        await asyncio.sleep(0.01)
        return ends(n)

    def work(n: int) -> int:
        time.sleep(0.01)
        return ends(n)

    if kind in ("sync", "async"):
        worker = step(awork if kind == "async" else work)
        return fan_out(worker, over="ns", item="n", into="out", limit=LIMIT).compile(checkpointer=saver)
    plain = StateGraph(State)

    async def anode(state: State) -> Any:
        return {"out": [await awork(state["n"])]}

    plain.add_node("work", anode if kind == "plain async" else lambda state: {"out": [work(state["n"])]})
    plain.add_conditional_edges(START, lambda state: [Send("work", {"n": n}) for n in state["ns"]], ["work"])
    plain.add_edge("work", END)
    return plain.compile(checkpointer=saver)


def run(way: str, folder: Path, branches: int, linger: float) -> None:
    """Begin the run, or go on with it."""
    kind, _, limited = way.rpartition(" ") if way.endswith("limited") else (way, "", "")
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    config: Any = {"configurable": {"thread_id": "t"}, **({"max_concurrency": LIMIT} if limited else {})}
    with SqliteSaver(folder / "x.db", linger=linger) as saver:
        built = graph(kind, log, saver)
        given = None if built.get_state(config).created_at else {"ns": list(range(branches))}
        done = asyncio.run(built.ainvoke(given, config)) if "async" in kind else built.invoke(given, config)
        assert sorted(done["out"]) == list(range(branches))


def again(way: str, *, branches: int = 600, finished: int = 350, linger: float = 0.0) -> int:
    """How many finished branches run again after a kill with about so many of them finished."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        child = _begun(way, folder, branches, linger)
        while _lines(folder) < finished:
            assert child.is_alive(), f"the run {way} ended by itself"
            time.sleep(0.001)
        child.kill()
        child.join()
        assert _lines(folder) < branches, "killed too late"
        child = _begun(way, folder, branches, linger)
        child.join()
        assert child.exitcode == 0
        noted = (folder / "log").read_text().split()
        assert set(map(int, noted)) == set(range(branches))
        return len(noted) - branches


def _begun(way: str, folder: Path, branches: int, linger: float) -> ForkServerProcess:
    process = CONTEXT.Process(target=run, args=(way, folder, branches, linger))
    process.start()
    return process


def _lines(folder: Path) -> int:
    log = folder / "log"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--branches", type=int, default=600)
    parser.add_argument("--finished", type=int, default=350, help="how many have finished when the kill comes")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=WAYS, help="some ways only")
    parser.add_argument("--plain", action="store_true", help="LangGraph's own fan-out as well")
    parser.add_argument("--linger", type=float, default=0.0, help="seconds for which results may linger")
    given = parser.parse_args()
    for way in (*given.ways, *(f"plain {way}" for way in given.ways if given.plain)):
        how = {"branches": given.branches, "finished": given.finished, "linger": given.linger}
        counts = [again(way, **how) for _ in range(given.kills)]
        print(json.dumps({"way": way, "median": statistics.median(counts), "all": sorted(counts)}), flush=True)


if __name__ == "__main__":
    main()
