"""What Bedrock calls cost and lose: real boto3 against the local Converse server, in a process of its own.

Run ``python benchmarks/bedrock.py`` or ``--quick`` (fewer calls); ``--json FILE`` writes the figures as a list of
``{"name", "value", "goal", "holds"}``.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_aws import ChatBedrockConverse

from treadle.errors import TreadleError
from treadle.nodes import model
from treadle.testing import ConverseServer

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"
FAULTS = ("throttle", "error", "unavailable", "timeout", "model", "cut", "malformed")
ATTEMPTS = 8


@dataclass(frozen=True)
class Figure:
    """One measured figure, what it should be, and whether it is."""

    name: str
    value: float
    goal: str
    holds: bool


@contextmanager
def served(*options: str) -> Iterator[dict[str, Any]]:
    """A server in another process; afterwards the dictionary has what it counted."""
    command = [sys.executable, "-m", "treadle.testing", *options]
    counted: dict[str, Any] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        os.environ.update(ConverseServer(port=int(url.rpartition(":")[2])).environment)
        try:
            yield counted
        finally:
            server.stdin.close()
            counted |= json.loads(server.stdout.readline())


async def timed(call: Callable[[str], Awaitable[Any]], calls: int) -> tuple[float, list[Any]]:
    """Seconds for so many calls at once, and what became of each."""
    began = time.perf_counter()
    results = await asyncio.gather(
        *(call(f"q{index} {uuid.uuid4()}") for index in range(calls)), return_exceptions=True
    )
    return time.perf_counter() - began, results


def speed(calls: int, rounds: int) -> Iterator[Figure]:
    """Calls of 100 ms at a limit of 64, against ChatBedrockConverse as it comes; interleaved, each on its own loop."""
    mine, plain = [], []
    with served("--latency", "0.1"):
        treadle, other = model(f"bedrock:{MODEL}?limit=64"), ChatBedrockConverse(model=MODEL)
        for chat in (treadle, other):
            asyncio.run(timed(chat.ainvoke, 4))
        for _ in range(rounds):
            plain.append(asyncio.run(timed(other.ainvoke, calls))[0])
            mine.append(asyncio.run(timed(treadle.ainvoke, calls))[0])
    print(f"  {calls} calls: {statistics.median(mine):.2f} s, plain {statistics.median(plain):.2f} s")
    ratio = statistics.median(mine) / statistics.median(plain)
    yield Figure(f"{calls} calls of 100 ms at a limit of 64, against plain ainvoke", ratio, "<= 0.2", ratio <= 0.2)


def throttled(calls: int, admits: int) -> Iterator[Figure]:
    """Calls at once to a server that admits so many a second, and as many at once; the limit is not told of it."""
    with served("--latency", "0.1", "--admits", str(admits)) as counted:
        seconds, results = asyncio.run(timed(model(f"bedrock:{MODEL}?attempts={ATTEMPTS}").ainvoke, calls))
    lost = sum(isinstance(one, BaseException) for one in results)
    ideal = (calls - admits) / admits + 0.1
    print(f"  {seconds:.2f} s, ideal {ideal:.2f} s, {counted}")
    yield Figure(f"calls lost of {calls} at once, {admits} a second admitted", lost, "0", lost == 0)
    yield Figure("time against the ideal", seconds / ideal, "<= 1.15", seconds / ideal <= 1.15)
    yield Figure("times that a call was sent at most", counted["most"], f"<= {ATTEMPTS}", counted["most"] <= ATTEMPTS)


def faulty(calls: int, transport: str) -> Iterator[Figure]:
    """A server where each fault meets 5 % of the requests."""
    told = [option for name in FAULTS for option in ("--fault", f"{name}=0.05")]
    with served("--latency", "0.02", *told) as counted:
        chat = model(f"bedrock:{MODEL}?attempts={ATTEMPTS}&transport={transport}")
        seconds, results = asyncio.run(timed(chat.ainvoke, calls))
    kinds = Counter(type(one).__name__ for one in results)
    silent = sum(isinstance(one, BaseException) and not isinstance(one, TreadleError) for one in results)
    silent += sum(not isinstance(one, BaseException) and one.text != "OK" for one in results)
    print(f"  {transport}: {seconds:.1f} s, {dict(kinds)}, {counted}")
    yield Figure(f"calls of {calls} without a right value or a reason ({transport})", silent, "0", silent == 0)
    yield Figure(
        f"times that a call was sent at most ({transport})",
        counted["most"],
        f"<= {ATTEMPTS}",
        counted["most"] <= ATTEMPTS,
    )


def failing_over(calls: int) -> Iterator[Figure]:
    """A model that fails for a while: its fallback answers, and later it answers again itself."""
    broken = {"yes": False}

    def reply(request: Any) -> str:
        return "!error" if broken["yes"] and request.model == MODEL else request.model

    with ConverseServer(reply) as server:
        os.environ.update(server.environment)
        chat = model(f"bedrock:{MODEL}?fallback=amazon.nova-lite-v1:0")
        answered = [str(chat.invoke(f"a{index}").text) for index in range(calls)]
        broken["yes"] = True
        meanwhile = [str(chat.invoke(f"b{index}").text) for index in range(calls)]
        sent = server.results["error"]
        broken["yes"] = False
        deadline = time.monotonic() + 60
        while chat.invoke("c").text != MODEL and time.monotonic() < deadline:
            time.sleep(0.2)
        afterwards = [str(chat.invoke(f"d{index}").text) for index in range(calls)]
    right = answered.count(MODEL) + meanwhile.count("amazon.nova-lite-v1:0") + afterwards.count(MODEL)
    print(f"  {sent} requests to the degraded model while {calls} calls were answered by its fallback")
    yield Figure(
        f"calls of {3 * calls} not answered by whom they should be", 3 * calls - right, "0", right == 3 * calls
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer calls")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    quick = given.quick
    parts: list[Callable[[], Iterator[Figure]]] = [
        lambda: speed(200, 1 if quick else 5),
        lambda: throttled(200 if quick else 500, 50),
        lambda: faulty(200 if quick else 1000, "whole"),
        lambda: faulty(200 if quick else 1000, "stream"),
        lambda: failing_over(20 if quick else 100),
    ]
    figures = []
    for part in parts:
        for figure in part():
            figures.append(figure)
            print(f"{'holds' if figure.holds else 'FAILS'}  {figure.value:8.3f} ({figure.goal})  {figure.name}")
    if given.json:
        given.json.write_text(json.dumps([vars(figure) for figure in figures], indent=1))
    sys.exit(not all(figure.holds for figure in figures))


if __name__ == "__main__":
    main()
