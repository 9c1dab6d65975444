"""Very long runs: whether a step, and reading the newest state, cost the same after 10 and after 10,000 steps."""

import tempfile
import time
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import empty_checkpoint

from stores import chains
from stores.claims import Claim, Claims
from stores.timings import config, medians
from treadle.checkpoints import SqliteSaver


def claims(*, repeats: int, quick: bool) -> Claims:
    """Steps put by hand: LangGraph's own work is left out. The state has a fixed size."""
    last = 2_000 if quick else 10_000
    with tempfile.TemporaryDirectory() as folder, SqliteSaver(Path(folder) / "x.db", synchronous="OFF") as saver:
        at: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}
        costs, reads, done = {}, {}, 0
        for until in (10, 100, 300, last - 200, last):
            start = time.process_time()
            for number in range(done, until):
                at = _step(saver, at, number)
            costs[until] = (time.process_time() - start) / (until - done)
            done = until
            if until in (10, last):
                with SqliteSaver(saver.path) as reader:
                    reads[until] = medians({"read": lambda: reader.get_tuple(config())}, 40 * repeats)["read"]
    note = f"{costs[300] * 1e6:.0f} and {costs[last] * 1e6:.0f} microseconds"
    yield Claim(f"processor time of a step at {last} over step 100", costs[last] / costs[300], 1.2, note=note)
    note = f"{reads[10] * 1e6:.0f} and {reads[last] * 1e6:.0f} microseconds"
    yield Claim(f"newest state at {last} steps over 10", reads[last] / reads[10], 1.3, note=note)


def _step(saver: SqliteSaver, at: Any, number: int) -> Any:
    version = saver.get_next_version(str(number), None)
    checkpoint: Any = {
        **empty_checkpoint(),
        "channel_values": {"count": number, "text": chains.found(number % 50)},
        "channel_versions": {"count": version, "text": version},
    }
    new: Any = {"count": version, "text": version}
    at = saver.put(at, checkpoint, {"source": "loop", "step": number, "parents": {}}, new)
    saver.put_writes(at, [("count", number), ("text", chains.found(number % 50))], f"task {number}")
    return at
