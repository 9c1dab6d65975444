"""What a worker does for the desk beside advancing runs: enacts deadlines, delivers notices."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from treadle.checkpoints.desks.deliveries import Courier
from treadle.checkpoints.desks.sweeps import sweep
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import StoreError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rounds:
    """The rounds of one worker."""

    saver: SqliteSaver
    courier: Courier
    tolerance: float

    async def once(self) -> None:
        """Enact what has passed, and deliver what can be delivered."""
        await self.courier.open()
        await self._sweep()
        while await self.courier.go():
            pass

    async def go(self, pause: float) -> None:
        """Do so until cancelled, looking again after each ``pause`` in seconds; a slow channel delays no deadline."""
        while await _tried(self.courier.open) is None:
            await asyncio.sleep(pause)
        await asyncio.gather(_again(self._sweep, pause), _again(self.courier.go, pause))

    async def _sweep(self) -> int:
        enacted = await sweep(self.saver, tolerance=self.tolerance)
        if enacted:
            _log.info("%d deadlines enacted", enacted)
        return enacted


async def _again(do: Callable[[], Awaitable[int]], pause: float) -> None:
    """Do it again, at once while there is something to do."""
    while True:
        await asyncio.sleep(0 if await _tried(do) else pause)


async def _tried(do: Callable[[], Awaitable[int]]) -> int | None:
    """What it did, or None if it failed: then it is on the log, and the next round tries again."""
    try:
        return await do()
    except StoreError as error:
        _log.warning("What is due at the desk could not be done and is tried again: %s", error)
    except Exception:
        _log.exception("What is due at the desk could not be done and is tried again.")
    return None
