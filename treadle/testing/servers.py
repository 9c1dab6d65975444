"""`ConverseServer`: Amazon Bedrock's Converse API on loopback, for tests."""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from treadle.testing import frames
from treadle.testing.answers import Answer, Request, Rule, answer
from treadle.testing.buckets import Bucket
from treadle.testing.caches import Cache
from treadle.testing.exchanges import Cut, Exchange, exchange
from treadle.testing.mishaps import MISHAPS, Mishap

PARTIAL = Answer("These are the first words of an answer.")
"""What is being said when a scripted mishap comes in the middle of it."""

Latency = float | tuple[float, float] | Callable[[], float]


@dataclass(frozen=True)
class Received:
    """One request that came, and what became of it."""

    request: Request
    result: str
    """``ok``, or the name of the mishap (``throttle`` for a request that was not admitted)."""
    at: float
    """When it came, on `time.monotonic`'s clock."""


class ConverseServer:
    """Amazon Bedrock's Converse and ConverseStream on loopback, for boto3 as it is and everything built on it.

    `replies` is the text of every answer, an `Answer`, a tool's arguments, a function of the `Request`, or a list
    of these, used one by one, the last for ever. ``"!throttle"`` (any name of `MISHAPS`) as a reply is that mishap.
    `latency` is in seconds: a number, a range, or a function. `faults` is the share of the requests that meet each
    mishap. `admits` requests a second are admitted, `burst` at once, `admits_tokens` input tokens a second; the others
    are throttled, and told to come back after `retry_after` seconds if that is given. `seed` makes chance repeatable.
    """

    def __init__(
        self,
        replies: "str | Answer | Mapping[str, Any] | Rule | Iterable[str | Answer | Mapping[str, Any] | Rule]" = "OK",
        *,
        latency: Latency = 0.0,
        faults: Mapping[str, float] | None = None,
        admits: float | None = None,
        burst: float | None = None,
        admits_tokens: float | None = None,
        retry_after: float | None = None,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        if unknown := set(faults or ()) - set(MISHAPS):
            raise ValueError(f"no mishap is called {min(unknown)!r}; there are {', '.join(MISHAPS)}")
        self.latency = latency
        self.faults = dict(faults or {})
        self.retry_after = retry_after
        self.received: list[Received] = []
        self.busiest = 0
        self.port = port
        self._replies = _script(replies)
        self._admits = Bucket(admits, burst or max(1.0, admits)) if admits else None
        self._tokens = Bucket(admits_tokens, admits_tokens) if admits_tokens else None
        self._random = random.Random(seed)
        self._cache = Cache()
        self._busy = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="converse-server", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which boto3 finds it."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url,
        }

    @property
    def results(self) -> Counter[str]:
        """How many requests ended in each way."""
        return Counter(one.result for one in list(self.received))

    @property
    def sent(self) -> Counter[str]:
        """How often each text was sent."""
        return Counter(one.request.text for one in list(self.received))

    def start(self) -> "ConverseServer":
        """Listen, in a thread of its own."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def __enter__(self) -> "ConverseServer":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while (came := await exchange(reader, writer)) is not None:
                await self._answer(came)
        except (ConnectionError, asyncio.IncompleteReadError, Cut, asyncio.CancelledError):
            pass  # a client that went away, a mishap, or the end
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _answer(self, came: Exchange) -> None:
        request, began = came.request, time.monotonic()
        mishap, reply = self._mishap(request), PARTIAL
        if mishap is None or MISHAPS[mishap].how != "status":
            given = self._next(request)
            if isinstance(given, str) and given[:1] == "!" and given[1:] in MISHAPS:
                mishap = given[1:]
            else:
                reply = answer(given)
        self.received.append(Received(request, mishap or "ok", began))
        if mishap and MISHAPS[mishap].how == "status":
            return await self._fail(came, MISHAPS[mishap], throttled=mishap == "throttle")
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            await asyncio.sleep(self._seconds() if reply.latency is None else reply.latency)
            await self._deliver(came, reply, MISHAPS[mishap] if mishap else None, began)
        finally:
            self._busy -= 1
        return None

    def _mishap(self, request: Request) -> str | None:
        """The mishap that chance or the buckets have for a request."""
        chance = self._random.random()
        for name, share in self.faults.items():
            if chance < share:
                return name
            chance -= share
        if self._admits is not None and not self._admits.take():
            return "throttle"
        if self._tokens is not None and not self._tokens.take(
            sum(len(str(b.get("text", ""))) for b in request.blocks) / 4
        ):
            return "tokens"
        return None

    def _next(self, request: Request) -> "str | Answer | Mapping[str, Any]":
        given = next(self._replies)
        reply: Any = given(request) if callable(given) else given
        return cast("str | Answer | Mapping[str, Any]", reply)

    def _seconds(self) -> float:
        if callable(self.latency):
            return self.latency()
        return self._random.uniform(*self.latency) if isinstance(self.latency, tuple) else self.latency

    async def _fail(self, came: Exchange, mishap: Mishap, *, throttled: bool) -> None:
        headers = {"x-amzn-errortype": mishap.code[:1].upper() + mishap.code[1:]}
        if throttled and self.retry_after is not None:
            headers["Retry-After"] = f"{self.retry_after:g}"
        await came.send(mishap.status, json.dumps({"message": mishap.message}).encode(), headers)

    async def _deliver(self, came: Exchange, reply: Answer, mishap: Mishap | None, began: float) -> None:
        if mishap is not None and mishap.how == "drop":
            raise Cut
        usage = self._cache.usage(came.request, reply)
        took = int((time.monotonic() - began) * 1000)
        if came.request.stream:
            events = reply.events(came.request, usage, took)
            pieces = [frames.event(name, payload) for name, payload in events]
            return await came.stream(pieces if mishap is None else _broken(pieces, mishap), cut=_cuts(mishap))
        if mishap is not None and mishap.how == "inside":
            return await self._fail(came, mishap, throttled=False)
        body = json.dumps(reply.whole(came.request, usage, took)).encode()
        if mishap is not None and mishap.how == "cut":
            await came.send(200, body[: len(body) // 2], length=len(body))
            raise Cut
        return await came.send(200, body if mishap is None else body[: len(body) // 2])


def _broken(pieces: list[bytes], mishap: Mishap) -> list[bytes]:
    """The frames of an answer that goes wrong after its first words."""
    said, at_fault = pieces[:2], pieces[2]
    if mishap.how == "inside":
        return [*said, frames.exception(mishap.code, {"message": mishap.message})]
    if mishap.how in ("spoilt", "garbled"):
        return [*said, frames.spoilt(at_fault), *pieces[3:]]
    return [*said, at_fault[: len(at_fault) // 2]] if mishap.how == "cut" else said


def _cuts(mishap: Mishap | None) -> bool:
    return mishap is not None and mishap.how == "cut"


def _script(replies: Any) -> Iterator[Any]:
    """The replies one by one, the last for ever."""
    if isinstance(replies, str | Answer | Mapping) or callable(replies):
        replies = (replies,)
    last = None
    for last in replies:
        yield last
    while True:
        yield last
