"""What a step costs: a chain of twenty no-op models against the same chain written by hand in LangGraph.

    python benchmarks/steps.py [--quick] [--json FILE]

It measures the CPU time of one run, in all threads, as the median over interleaved rounds, without a store and with the
trace kept in the
ledger (against the same chain by hand on the same store), and whether memory grows with the number of runs.
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph

from treadle import chain
from treadle.checkpoints import SqliteSaver
from treadle.nodes import prompt

STEPS = 20


class NoModel(BaseChatModel):
    """Answers at once."""

    @property
    def _llm_type(self) -> str:
        return "none"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("x"))])


def ours() -> Any:
    """The chain as treadle writes it."""
    model = NoModel()
    return chain(*(prompt(f"s{at}", f"Say {{s{at - 1}}}", model=model) for at in range(1, STEPS + 1)), name="ours")


def by_hand() -> Any:
    """The same chain, each node a function that fills a template, asks the model and returns its text."""
    keys = {f"s{at}": str for at in range(STEPS + 1)}
    builder = StateGraph(TypedDict("State", keys, total=False))  # type: ignore[operator]
    model = NoModel()

    def node(at: int) -> Callable[[Any, RunnableConfig], Any]:
        def ask(state: Any, config: RunnableConfig) -> Any:
            return {f"s{at}": model.invoke(f"Say {state[f's{at - 1}']}", config).text}

        return ask

    for at in range(1, STEPS + 1):
        builder.add_node(f"n{at}", node(at))
        builder.add_edge(f"n{at - 1}" if at > 1 else START, f"n{at}")
    return builder


def seconds(graph: Any, rounds: int, prefix: str) -> list[float]:
    """Return the CPU time that some runs took, each on a LangGraph thread of its own."""
    took = []
    for number in range(rounds):
        config: Any = {"configurable": {"thread_id": f"{prefix}-{number}"}}
        started = time.process_time()
        graph.invoke({"s0": "x"}, config)
        took.append(time.process_time() - started)
    return took


def ratio(first: Any, second: Any, rounds: int) -> float:
    """Return how often as long the first takes as the second: the median over pairs of runs, side by side in time."""
    seconds(first, 3, "warm-a"), seconds(second, 3, "warm-b")
    pairs = [(seconds(first, 1, f"a{n}")[0], seconds(second, 1, f"b{n}")[0]) for n in range(rounds)]
    return statistics.median(one / other for one, other in pairs)


def growth(make: Callable[[], Any], rounds: int) -> float:
    """Return how many bytes a run leaves in memory on one store: the median of five stretches of so many runs."""
    with tempfile.TemporaryDirectory() as folder, SqliteSaver(Path(folder) / "t.db", synchronous="OFF") as saver:
        graph = make().compile(saver)
        tracemalloc.start()
        seconds(graph, 100, "warm")  # what the saver remembers of checkpoints is bounded, and full by then
        held = [_held()]
        for stretch in range(5):
            seconds(graph, rounds, f"many-{stretch}")
            held.append(_held())
        tracemalloc.stop()
    return statistics.median(after - before for before, after in pairwise(held)) / rounds


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def measure(*, quick: bool) -> list[dict[str, Any]]:
    """Measure everything."""
    rounds = 20 if quick else 150
    bare = ratio(ours().compile(), by_hand().compile(), rounds)
    with tempfile.TemporaryDirectory() as folder, SqliteSaver(Path(folder) / "t.db", synchronous="NORMAL") as saver:
        kept = ratio(ours().compile(saver), by_hand().compile(saver), rounds)
    left, beside = (growth(make, 10 if quick else 40) for make in (ours, by_hand))
    return [
        row("20-step chain, times the same by hand", bare, 1.1),
        row("20-step chain with its trace in the ledger, times the same by hand on the same store", kept, 1.3),
        row(f"bytes of memory that a run of 20 steps leaves behind (by hand {beside:.0f})", left, 2000),
    ]


def row(name: str, value: float, goal: float) -> dict[str, Any]:
    """Return a claim with what was measured."""
    return {"name": name, "value": round(value, 3), "goal": goal, "holds": value <= goal}


def main() -> int:
    """Print the table, write it where asked; the exit code says whether all claims hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    rows = measure(quick=given.quick)
    for one in rows:
        print(f"{'holds' if one['holds'] else 'FAILS'}  {one['value']:>10} (goal {one['goal']})  {one['name']}")
    if given.json:
        Path(given.json).write_text(json.dumps(rows, indent=1))
    return 0 if all(one["holds"] for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
