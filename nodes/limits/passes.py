"""`Passed`: waiting for a limit's leave to call, in a thread or on an event loop."""

import asyncio
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Protocol

from treadle.nodes.limits.limiters import Limit, Permit
from treadle.nodes.policies.stops import MOMENT


class Sign(Protocol):
    """Something that stops those who wait: `check` raises when it is set, `tell` calls back when it is."""

    def tell(self, key: object, call: Callable[[], object]) -> None:
        """Call back when it is set, at once if it is."""

    def forget(self, key: object) -> None:
        """Call back no longer."""

    def check(self) -> None:
        """Raise if it is set."""


@dataclass(frozen=True)
class Passed:
    """An effect: leave to call; its result is the permit, to be given to `settle` or `leave`.

    `stop` is a sign that ends the waiting with its own error. Nothing cancels a thread: what it has is taken from it
    when the sign is set. On a loop the sign ends the waiting a moment late, so that whoever goes on goes first.
    """

    limit: Limit
    owner: Hashable = None
    tokens: float = 0
    stop: Sign | None = None
    first: bool = False

    def now(self) -> Permit:
        """Wait in this thread."""
        bell = threading.Event()
        permit = self.limit.ask(self.owner, self.tokens, first=self.first, wake=bell.set)

        def take_back() -> None:
            self.limit.leave(permit)
            bell.set()

        if self.stop is not None:
            self.stop.tell(permit, take_back)
        try:
            while True:
                delay = self.limit.pump(permit)
                self._check()
                if permit.granted:
                    return permit
                bell.wait(delay)
                bell.clear()
        except BaseException:
            self._give_up(permit)
            raise

    async def soon(self) -> Permit:
        """Wait on the running loop."""
        loop, bell, mine = asyncio.get_running_loop(), asyncio.Event(), threading.get_ident()

        def wake() -> None:
            if threading.get_ident() == mine:
                bell.set()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(bell.set)

        permit = self.limit.ask(self.owner, self.tokens, first=self.first, wake=wake)
        if self.stop is not None:
            self.stop.tell(permit, lambda: loop.call_soon_threadsafe(loop.call_later, MOMENT, bell.set))
        try:
            while True:
                delay = self.limit.pump(permit)
                self._check()
                if permit.granted:
                    return self._kept(permit)
                alarm = loop.call_later(delay, bell.set) if delay is not None else None
                await bell.wait()
                bell.clear()
                if alarm is not None:
                    alarm.cancel()
        except BaseException:
            self._give_up(permit)
            raise

    def _check(self) -> None:
        if self.stop is not None:
            self.stop.check()

    def _kept(self, permit: Permit) -> Permit:
        if self.stop is not None:
            self.stop.forget(permit)
        return permit

    def _give_up(self, permit: Permit) -> None:
        self.limit.leave(self._kept(permit))
