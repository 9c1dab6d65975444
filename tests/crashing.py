"""A fan-out in a process of its own, for tests that kill it."""

import asyncio
import os
import random
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.nodes import step

DELAY = 0.05


def graph(folder: Path, manner: str, **ends: Any) -> Any:
    """Every item leaves its number in a file when it is done."""
    log = os.open(folder / "done.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def block(n: int) -> int:
        time.sleep(DELAY * random.uniform(0.5, 1.5))
        os.write(log, f"{n}\n".encode())
        return n * n

    async def wait(n: int) -> int:
        await asyncio.sleep(DELAY * random.uniform(0.5, 1.5))
        os.write(log, f"{n}\n".encode())
        return n * n

    work = block if manner == "sync" else wait
    return fan_out(step(work, name="work"), over="ns", item="n", into="squares", limit=64, **ends)


def run(folder: Path, count: int, manner: str, ends: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """Begin the run, or go on with it; ``ends`` are its ``need`` and ``within``."""
    with SqliteSaver(folder / "t.db", synchronous="NORMAL") as saver:
        compiled = graph(folder, manner, **ends).compile(checkpointer=saver)
        config: Any = {"configurable": {"thread_id": "t"}}
        begun = compiled.get_state(config).values
        given = None if begun else {"ns": list(range(count))}
        return compiled.invoke(given, config) if manner == "sync" else asyncio.run(compiled.ainvoke(given, config))
