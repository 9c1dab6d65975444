"""Wall time, processor time, delay and memory of many items."""

import asyncio
import gc
import random
import tracemalloc

from fanouts.contests import Contest
from fanouts.rows import Row, row
from fanouts.ways import Way, bare, ours, send


def walls(repetitions: int) -> list[Row]:
    """1,000 items of 50 ms."""
    found = Contest(
        [0.05] * 1000,
        {
            "bare": (bare, ""),
            "ours": (ours(), ""),
            "ours durable": (ours(), "ours"),
            "ours on the ready saver": (ours(), "ready"),
            "lanes durable": (ours(lanes=True), "ours"),
            "Send": (send(True), ""),
            "Send on our saver": (send(True), "ours"),
            "Send on the ready saver": (send(True), "ready"),
        },
    ).run(repetitions)
    goals = {"ours": 1.1, "ours durable": 1.25}
    return [
        row(f"1,000 of 50 ms: {name}, times bare asyncio", found.ratio(name, "bare"), goals.get(name))
        for name in found.ways
        if name != "bare"
    ]


def jittered(count: int, repetitions: int) -> list[Row]:
    """Many items of about 50 ms."""
    rng = random.Random(7)
    items = [rng.uniform(0.025, 0.075) for _ in range(count)]
    ways = {"bare": (bare, ""), "ours": (ours(), ""), "ours durable": (ours(), "ours")}
    found = Contest(items, ways).run(repetitions)
    return [
        row(f"{count:,} jittered: {name}, times bare asyncio", found.ratio(name, "bare"), goal)
        for name, goal in (("ours", None), ("ours durable", 1.15))
    ]


def cpu(large: int, repetitions: int) -> list[Row]:
    """CPU an item, and the delay of the first one, with items that do nothing."""
    ways = {
        "Send": (send(False), ""),
        "ours": (ours(), ""),
        "ours durable": (ours(), "ours"),
        "lanes durable": (ours(lanes=True), "ours"),
    }
    small = Contest([0.0] * 1000, ways).run(repetitions + 2)
    big = Contest([0.0] * large, ways).run(max(1, repetitions - 1))
    rows = [
        row(f"CPU an item at {len(found.items):,}: {name}, microseconds", found.micros(name), None)
        for found in (small, big)
        for name in ways
    ]
    return [
        *rows,
        row("CPU at 1,000, times Send", small.micros("ours") / small.micros("Send"), 1.15),
        row(f"CPU at {large:,}, times Send", big.micros("ours") / big.micros("Send"), 1 / 3),
        row(f"CPU at {large:,}, times that at 1,000", big.micros("ours") / small.micros("ours"), 1.15),
        row("CPU an item in lanes, durable, microseconds", small.micros("lanes durable"), 60),
        row(f"first of {large:,}, times Send's delay", big.delay("ours") / big.delay("Send"), 0.15),
    ]


def memory(count: int) -> list[Row]:
    """The most memory at once, an item, beyond what bare asyncio takes."""

    def most(way: Way) -> int:
        items = [0.0] * count
        gc.collect()
        tracemalloc.start()
        asyncio.run(way(items, None))  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return [row(f"memory an item at {count:,}, kB", most(ours()) / count / 1024, 1.5)]
