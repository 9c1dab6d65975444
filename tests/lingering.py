"""Runs whose process ends after a question and before the step that asks it, for tests that look at what is left.

python tests/lingering.py FOLDER WAY DURABILITY SHAPE
"""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from treadle.checkpoints import SqliteSaver

CONFIG: Any = {"configurable": {"thread_id": "t"}}
INPUT: Any = {"number": 1}


class State(TypedDict, total=False):
    number: int
    said: str


def ask(state: State) -> Any:
    return {"said": interrupt({"title": "Go on?", "number": state["number"], "due_in": 3600})}


def graph(shape: str, saver: Any) -> Any:
    """A step, and a question: in the graph itself, or two graphs further in."""
    built: Any = StateGraph(State)
    built.add_node("count", lambda state: {"number": state["number"] + 1})
    built.add_edge(START, "count")
    built.add_node("ask", ask if shape == "flat" else wrapped(wrapped(ask)))
    built.add_edge("count", "ask")
    built.add_edge("ask", END)
    return built.compile(checkpointer=saver)


def wrapped(node: Any) -> Any:
    built: Any = StateGraph(State)
    built.add_node("inner", node)
    built.add_edge(START, "inner")
    built.add_edge("inner", END)
    return built.compile()


class Lingering(SqliteSaver):
    """Stores the outermost graph's steps only once ``asked`` is set, which the first question does after it is stored.

    What LangGraph does when the machine is busy: it hands checkpoints and what tasks wrote to threads of their own.
    """

    asked: threading.Event
    deadly = False

    def linger(self, config: Any, checkpoint: Any) -> None:
        if not config["configurable"].get("checkpoint_ns") and "branch:to:ask" in checkpoint["channel_values"]:
            assert self.asked.wait(30)

    def told(self, writes: Any) -> None:
        if any(channel == "__interrupt__" for channel, _ in writes):
            if self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            self.asked.set()

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        self.linger(config, checkpoint)
        return super().put(config, checkpoint, metadata, new_versions)

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        super().put_writes(config, writes, task_id, task_path)
        self.told(writes)

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        await asyncio.to_thread(self.linger, config, checkpoint)
        return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        await super().aput_writes(config, writes, task_id, task_path)
        self.told(writes)


def lingering(folder: Path) -> Lingering:
    saver = Lingering(folder / "x.db", synchronous="OFF")
    saver.asked = threading.Event()
    return saver


def main() -> None:
    folder, way, durability, shape = sys.argv[1:]
    saver = lingering(Path(folder))
    saver.deadly = True
    built = graph(shape, saver)
    how: Any = {"durability": durability}
    if way == "sync":
        built.invoke(INPUT, CONFIG, **how)
    else:
        asyncio.run(built.ainvoke(INPUT, CONFIG, **how))


if __name__ == "__main__":
    main()
