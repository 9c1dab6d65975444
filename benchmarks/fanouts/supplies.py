"""A million items from a generator: the memory they take, and what is stored of them."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from fanouts.rows import Row, row

RUN = """
import asyncio, json, operator, resource, sys, time
from collections.abc import Iterator
from contextlib import nullcontext

from treadle.checkpoints.savers import SqliteSaver
from treadle.graphs import fan_out
from treadle.nodes import step

count, path = int(sys.argv[1]), sys.argv[2]


def rows(count: int) -> Iterator[str]:
    return (f"{n:0100}" for n in range(count))


async def measure(row: str) -> int:
    return int(row)


pattern = fan_out(step(measure), over=rows, item="row", join=operator.add, lanes=True, limit=64, every=None)
peaks, cpu = [], []
for many in (count // 4, count):
    with SqliteSaver(f"{path}.{many}") if path else nullcontext() as saver:
        begun = time.process_time()
        config = {"configurable": {"thread_id": "t"}}
        done = asyncio.run(pattern.compile(checkpointer=saver).ainvoke({"count": many}, config))
        assert done["results"] == many * (many - 1) // 2
        cpu.append((time.process_time() - begun) / many * 1e6)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        kept = len(saver.kept("t")) if saver and many == count else 0
print(json.dumps({"peaks": peaks, "cpu": cpu, "kept": kept}))
"""


def supplied(count: int, *, durable: bool) -> list[Row]:
    """Items of 100 characters in lanes, in a process of their own: a quarter of them to fill its caches, then all."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "t.db") if durable else ""
        ran = subprocess.run([sys.executable, "-c", RUN, str(count), path], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    name = f"{count:,} items of a generator{', durable' if durable else ''}"
    few, many = found["peaks"]
    rows = [
        row(f"{name}: MB of memory at most beyond a quarter of them", many - few, 20),
        row(f"{name}: MB of memory at most", many, None),
        row(f"{name}: microseconds of processor time an item", found["cpu"][1], None),
    ]
    return [*rows, row(f"{name}: not stored", count - found["kept"], 0)] if durable else rows
