"""A service that refuses what comes too fast."""

import asyncio
import time
from dataclasses import dataclass, field

from fanouts.rows import Row, row
from fanouts.ways import LIMIT
from treadle.graphs import fan_out
from treadle.nodes import limit, step


class Refused(Exception):
    """What a provider says that was asked too often."""

    status_code = 429


@dataclass
class Provider:
    """Lets 100 calls a second through, in bursts of at most five, each of 50 ms, and refuses the rest."""

    rate: float = 100.0
    tokens: float = 5.0
    seen: float = field(default_factory=time.monotonic)
    refused: int = 0

    async def call(self, seconds: float) -> float:
        """One call."""
        now = time.monotonic()
        self.tokens, self.seen = min(5.0, self.tokens + (now - self.seen) * self.rate), now
        if self.tokens < 1:
            self.refused += 1
            raise Refused("too many requests")
        self.tokens -= 1
        await asyncio.sleep(0.05)
        return seconds


def throttling(count: int) -> list[Row]:
    """Items against a provider that throttles."""
    provider = Provider()
    shared = limit("provider", concurrency=LIMIT)
    pattern = fan_out(step(provider.call, into="out"), over="items", item="seconds", limit=LIMIT, limits=[shared])
    begun = time.perf_counter()
    done = asyncio.run(pattern.compile().ainvoke({"items": [0.0] * count}))
    seconds = time.perf_counter() - begun
    failed = sum(outcome["status"] != "success" for outcome in done["results_outcomes"])
    return [
        row(f"{count} calls to a provider of 100 a second, times the ideal", seconds / (count / 100), 1.2),
        row("failed of them", failed, 0),
        row("refused by the provider", provider.refused, None),
    ]
