"""Measure how soon a worker goes on after a decision: ``python benchmarks/worker.py [--quick] [--json FILE]``."""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from rich.console import Console
from stores.claims import Claim, Claims, save, show

from treadle.checkpoints import SqliteSaver, Worker, advance, decide, pending

ELSEWHERE = """
import sys, time
from treadle.checkpoints import SqliteSaver, decide
with SqliteSaver(sys.argv[1]) as saver:
    print("ready", flush=True)
    for line in sys.stdin:
        decide(saver, line.strip(), answer="yes", by="ann")
        print(time.time(), flush=True)
"""
"""A process that decides what it is told to, and says when that was recorded."""


class State(TypedDict, total=False):
    """The state of the graph."""

    said: str


def graph(saver: Any, went_on: threading.Event, at: list[float]) -> Any:
    """Asks, and notes when it goes on."""

    def after(state: State) -> State:
        at.append(time.time())
        went_on.set()
        return {}

    builder = StateGraph(State)
    builder.add_node("ask", lambda state: {"said": interrupt("Go on?")})
    builder.add_node("after", after)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", "after")
    builder.add_edge("after", END)
    return builder.compile(checkpointer=saver)


def waits(path: Path, times: int) -> Claims:
    """Seconds from a decision that is recorded to the next step of its run, under a worker as it comes."""
    with SqliteSaver(path) as saver:
        went_on, at = threading.Event(), list[float]()
        made = graph(saver, went_on, at)
        worker = Worker(saver, lambda name: made)
        worker.start()
        command = [sys.executable, "-W", "ignore", "-c", ELSEWHERE, str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            other.stdout.readline()

            def here(id_: str) -> float:
                decide(saver, id_, answer="yes", by="ann")
                return time.time()

            def there(id_: str) -> float:
                print(id_, file=other.stdin, flush=True)
                return float(other.stdout.readline())  # type: ignore[union-attr]

            for name, way in (("this process", here), ("another process", there)):
                found = [_wait(saver, made, went_on, at, f"{name} {number}", way) for number in range(times)]
                goal = 1.0 if way is there else None
                note = f"median {median(found):.3f} s of {times}"
                yield Claim(f"a decision of {name}: the longest until its run goes on, s", max(found), goal, note=note)
            other.stdin.close()
        worker.stop()


def _wait(
    saver: SqliteSaver, made: Any, went_on: threading.Event, at: list[float], thread: str, way: Callable[[str], float]
) -> float:
    advance(saver, made, thread, input={}, name="g")
    (asked,) = pending(saver, thread=thread)
    time.sleep(0.137)  # somewhere between two looks of the worker
    went_on.clear()
    recorded = way(asked.id)
    went_on.wait(60)
    return max(0.0, at[-1] - recorded)


def main() -> None:
    """Measure, and say whether the claim holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer decisions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the claims to a file")
    asked = parser.parse_args()
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    with tempfile.TemporaryDirectory() as folder:
        found = show(waits(Path(folder) / "x.db", 5 if asked.quick else 40), Console())
    if asked.json:
        save(found, asked.json)


if __name__ == "__main__":
    main()
