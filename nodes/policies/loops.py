"""Loops: several pieces of work side by side, each on its own, until all have ended or one has failed."""

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all
from dataclasses import dataclass
from typing import Any

from treadle.nodes.steps import Update, Work, adrive, drive


@dataclass(frozen=True)
class Together:
    """An effect: all of the work at once; its result is what each piece returns, in order.

    The first error ends it: `halt` is called, coroutines are cancelled, and threads are waited for.
    """

    works: Sequence[Work]
    halt: Callable[[], object]

    def now(self) -> list[Update]:
        """Wait in this thread; each piece has one of its own."""
        with ThreadPoolExecutor(max(1, len(self.works)), thread_name_prefix="treadle-loop") as pool:
            runs = [pool.submit(contextvars.copy_context().run, drive, work) for work in self.works]
            try:
                ended, going = wait_for_all(runs, return_when=FIRST_EXCEPTION)
            finally:
                self.halt()
            for run in ended if going else ():
                run.result()
            return [run.result() for run in runs]

    async def soon(self) -> list[Update]:
        """Wait on the running loop; each piece is a task."""
        runs: list[asyncio.Task[Any]] = [asyncio.ensure_future(adrive(work)) for work in self.works]
        if not runs:
            return []
        try:
            ended, going = await asyncio.wait(runs, return_when=FIRST_EXCEPTION)
            for run in ended if going else ():
                run.result()
            return [run.result() for run in runs]
        finally:
            self.halt()
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)
