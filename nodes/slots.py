"""Slots: how many may be at it at once, first come, first served, for threads and event loops alike."""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from treadle.nodes.stops import Stop


class Turn:
    """One caller's place in a queue."""

    __slots__ = ("granted", "wake", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.granted = False
        self.wake: Any = None


class Slots:
    """At most `limit` taken at once. A caller that takes several is let in while any is free."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._queue: deque[Turn] = deque()
        self._mutex = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._queue)

    def take(self, weight: int = 1) -> Turn:
        """Ask for slots: the turn is granted, or will be and is woken then."""
        turn = Turn(weight)
        with self._mutex:
            if not self._queue and self.used < self.limit:
                self.used += weight
                turn.granted = True
            else:
                self._queue.append(turn)
        return turn

    def give(self, weight: int = 1) -> None:
        """Give slots back."""
        with self._mutex:
            self.used -= weight
            woken = self._grant()
        for turn in woken:
            if turn.wake is not None:
                turn.wake()

    def leave(self, turn: Turn) -> None:
        """Give back what a turn has, or no longer wait for it."""
        with self._mutex:
            if not turn.granted:
                self._queue.remove(turn)
                return
        self.give(turn.weight)

    def _grant(self) -> list[Turn]:
        woken = []
        while self._queue and self.used < self.limit:
            turn = self._queue.popleft()
            self.used += turn.weight
            turn.granted = True
            woken.append(turn)
        return woken


@dataclass(frozen=True)
class Enter:
    """An effect: wait for slots. Raises Stopped when the sign is set first; what was not granted is given up."""

    slots: Slots
    weight: int = 1
    stop: Stop | None = None

    def now(self) -> None:
        """Wait in this thread."""
        if self.stop is not None:
            self.stop.check()
        turn = self.slots.take(self.weight)
        if turn.granted:
            return
        bell = threading.Event()
        if self.stop is not None:
            self.stop.tell(turn, bell.set)
        self._listen(turn, bell.set)
        try:
            while not turn.granted and (self.stop is None or self.stop.reason is None):
                bell.wait()
        except BaseException:
            self.slots.leave(turn)
            raise
        self._settle(turn)

    async def soon(self) -> None:
        """Wait on the running loop."""
        if self.stop is not None:
            self.stop.check()
        turn = self.slots.take(self.weight)
        if turn.granted:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        mine = threading.get_ident()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        if self.stop is not None:
            self.stop.settle(turn, future)
        self._listen(turn, lambda: settle() if threading.get_ident() == mine else loop.call_soon_threadsafe(settle))
        try:
            await future
        except BaseException:
            self.slots.leave(turn)
            raise
        self._settle(turn)

    def _listen(self, turn: Turn, wake: Any) -> None:
        turn.wake = wake
        if turn.granted:
            wake()

    def _settle(self, turn: Turn) -> None:
        if self.stop is None:
            return
        self.stop.forget(turn)
        if self.stop.reason is not None:
            self.slots.leave(turn)
            self.stop.check()
