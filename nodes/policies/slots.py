"""Slots: how many may be at it at once, first come, first served, for threads and event loops alike."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from treadle.nodes.policies.stops import MOMENT, Stop


class Turn:
    """One caller's place in a queue, and then the slots that it has, given back one by one or all at once."""

    __slots__ = ("granted", "left", "slots", "stop", "wake")

    def __init__(self, slots: "Slots", weight: int, stop: Stop | None) -> None:
        self.slots = slots
        self.left = weight
        self.stop = stop
        self.granted = False
        self.wake: Callable[[], object] | None = None

    @property
    def vain(self) -> bool:
        """Whether nobody waits for it any more."""
        return not self.left or (self.stop is not None and self.stop.reason is not None)

    def give(self) -> None:
        """Give one slot back, if it has any left."""
        self.slots.back(self, 1)

    def close(self) -> None:
        """Give back what is left, or wait no longer; once is enough."""
        if self.stop is not None:
            self.stop.forget(self)
        self.slots.back(self, self.left)


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
        return sum(not turn.vain for turn in list(self._queue))

    def at_once(self) -> Turn | None:
        """One slot, if one is free and nobody waits; None otherwise, and no place in the queue."""
        turn = Turn(self, 1, None)
        with self._mutex:
            return turn if self._granted(turn) else None

    def take(self, weight: int = 1, stop: Stop | None = None) -> Turn:
        """Ask for slots: the turn is granted, or will be and is woken then, unless the sign is set before."""
        turn = Turn(self, weight, stop)
        with self._mutex:
            if not self._granted(turn):
                self._queue.append(turn)
        return turn

    def back(self, turn: Turn, count: int) -> None:
        """Take slots back from a turn, as many as it has at most."""
        with self._mutex:
            count = min(count, turn.left)
            turn.left -= count
            if not turn.granted or not count:
                return
            self.used -= count
            woken = self._grant() if self._queue else ()
        for one in woken:
            if one.wake is not None:
                one.wake()

    def _granted(self, turn: Turn) -> bool:
        """Grant a turn if there is room and nobody waits."""
        if self._queue or self.used >= self.limit:
            return False
        self.used += turn.left
        turn.granted = True
        return True

    def _grant(self) -> list[Turn]:
        woken = []
        while self._queue and self.used < self.limit:
            turn = self._queue.popleft()
            if turn.vain:
                continue
            self.used += turn.left
            turn.granted = True
            woken.append(turn)
        return woken


@dataclass(slots=True)
class Enter:
    """An effect: wait for slots; its result is the turn that has them. Raises Stopped when the sign is set first."""

    slots: Slots
    weight: int = 1
    stop: Stop | None = None

    def now(self) -> Turn:
        """Wait in this thread. Nothing cancels a thread: what it has is taken from it when the sign is set."""
        turn = self._taken()
        if turn.granted and self.stop is None:
            return turn
        bell = threading.Event()

        def take_back() -> None:
            turn.close()
            bell.set()

        if self.stop is not None:
            self.stop.tell(turn, take_back)
        self._listen(turn, bell.set)
        try:
            while not (turn.granted or turn.vain):
                bell.wait()
        except BaseException:
            turn.close()
            raise
        return self._checked(turn)

    async def soon(self) -> Turn:
        """Wait on the running loop; the sign ends it a moment late, when `Unless` cancels as well."""
        turn = self._taken()
        if turn.granted:
            return turn
        loop, mine = asyncio.get_running_loop(), threading.get_ident()
        future: asyncio.Future[None] = loop.create_future()

        def settle() -> None:
            if not future.done():
                future.set_result(None)

        if self.stop is not None:
            self.stop.tell(turn, lambda: loop.call_soon_threadsafe(loop.call_later, MOMENT, settle))
        self._listen(turn, lambda: settle() if threading.get_ident() == mine else loop.call_soon_threadsafe(settle))
        try:
            await future
        except BaseException:
            turn.close()
            raise
        return self._checked(turn)

    def _taken(self) -> Turn:
        if self.stop is not None:
            self.stop.check()
        return self.slots.take(self.weight, self.stop)

    def _listen(self, turn: Turn, wake: Callable[[], object]) -> None:
        turn.wake = wake
        if turn.granted:
            wake()

    def _checked(self, turn: Turn) -> Turn:
        if turn.vain and self.stop is not None:
            turn.close()
            self.stop.check()
        return turn
