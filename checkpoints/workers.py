"""The worker: finds runs that can go on, and advances them."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, runtime_checkable

from langgraph.runtime import RunControl

from treadle.checkpoints.bulks.rules import enact
from treadle.checkpoints.desks.deliveries import Courier
from treadle.checkpoints.desks.notices import Notifier
from treadle.checkpoints.desks.rounds import Rounds
from treadle.checkpoints.disks.clocks import TOLERANCE
from treadle.checkpoints.disks.signals import listening
from treadle.checkpoints.ledgers.advances import THREADS, Graph, aadvance, advance
from treadle.checkpoints.ledgers.jobs import Job, find
from treadle.checkpoints.runs import PATIENCE, Run, park
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, GraphNotFound, LeaseHeld, RunNotFound, StoreError

__all__ = ["Worker", "aadvance", "advance"]

_log = logging.getLogger(__name__)


@runtime_checkable
class Served(Protocol):
    """Several versions of a graph, of which each run has its own."""

    def served(self, saver: SqliteSaver, thread_id: str) -> Graph:
        """The version that a run began with, compiled with the saver."""
        ...


class Worker:
    """Advances what is decided, stalled, or to be tried again, of every graph that ``graphs`` knows by name.

    Of several versions of a graph each run goes on with its own.

    ``concurrency`` runs at most are advanced at once. A decision made in this process is seen at once, one made in
    another within ``poll`` seconds; while answers to the branches of one run keep coming they are gathered for a
    moment, since every branch that waits runs again each time. A run that fails is tried again later each time, and
    parked with its error at the third failure; so is one amid which three processes ended, without a thing stored
    between. One whose graph is unknown is parked at once, with words. Several workers may share a database.

    It enacts the deadlines of questions as well, ``tolerance`` seconds late, since clocks are apart; and tells the
    ``channels`` what happens at the desk. What can still be taken back waits until that time has ended.
    """

    def __init__(
        self,
        saver: SqliteSaver,
        graphs: Callable[[str], Graph | Served],
        *,
        concurrency: int = 2,
        poll: float = 0.5,
        owner: str | None = None,
        channels: Sequence[Notifier] = (),
        tolerance: float = TOLERANCE,
    ) -> None:
        self.saver = saver
        self.graphs = graphs
        self.concurrency = concurrency
        self.poll = poll
        self.owner = owner
        self._rounds = Rounds(saver, Courier(saver, channels), tolerance)
        self._stopping = threading.Event()
        self._ring: Callable[[], None] = lambda: None
        self._thread: threading.Thread | None = None
        self._controls: set[RunControl] = set()
        self._left: set[str] = set()

    def run(self) -> None:
        """Work until ``stop`` is called, from a signal handler or another thread; then drain and return."""
        asyncio.run(self._serve())

    def start(self) -> None:
        """Work in a thread until ``stop``; starting twice is harmless."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stopping.clear()
        self._thread = threading.Thread(target=self.run, name="treadle-worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no new work and let the runs stop at their next step; returns when a started thread has ended."""
        self._stopping.set()
        self._drain()
        self._ring()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def once(self) -> int:
        """Do everything that can be done now, and return how many runs were advanced."""

        async def sweep() -> int:
            self._pool()
            await self._rounds.once()
            places = asyncio.Semaphore(self.concurrency)

            async def one(job: Job) -> bool:
                async with places:
                    return await self._work(job)

            await asyncio.to_thread(self._enact)
            jobs = await self.saver.database.aread(find)
            advanced = sum(await asyncio.gather(*map(one, jobs)))
            await self._rounds.once()
            return advanced

        return asyncio.run(sweep())

    def _pool(self) -> None:
        """The loop is ours, so nodes that are not async need not share asyncio's few threads."""
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "treadle-nodes"))

    def _drain(self) -> None:
        for control in tuple(self._controls):
            control.request_drain("the worker stops")

    async def _serve(self) -> None:
        self._pool()
        loop, bell = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(bell.set)

        self._ring = ring
        working: dict[str, asyncio.Task[bool]] = {}
        self._left.clear()
        rounds = asyncio.create_task(self._rounds.go(self.poll))
        with listening(self.saver.database.path, ring):
            while not self._stopping.is_set():
                bell.clear()
                await asyncio.to_thread(self._enact)
                await self._fill(working, bell)
                await _wait(bell, self.poll)
        self._drain()
        rounds.cancel()
        await asyncio.gather(*working.values())
        await asyncio.gather(rounds, return_exceptions=True)

    def _enact(self) -> None:
        """Decide by the standing rules what has come that they fit."""
        try:
            if decided := enact(self.saver):
                _log.info("%d reviews decided by standing rules", decided)
        except StoreError as error:
            _log.warning("The standing rules could not be enacted and are tried again: %s", error)

    async def _fill(self, working: dict[str, asyncio.Task[bool]], bell: asyncio.Event) -> None:
        """Start work while there are places and runs."""
        if len(working) >= self.concurrency:
            return
        for job in await self._search():
            if len(working) < self.concurrency and job.thread_id not in working and job.thread_id not in self._left:
                task = asyncio.create_task(self._work(job))
                working[job.thread_id] = task
                task.add_done_callback(partial(_ended, working, job.thread_id, bell))

    async def _search(self) -> list[Job]:
        try:
            return await self.saver.database.aread(partial(find, patient=True))
        except StoreError as error:
            _log.warning("The worker could not look for work and tries again: %s", error)
            return []

    async def _work(self, job: Job) -> bool:
        """Advance one run; whether that was done."""
        control = RunControl()
        self._controls.add(control)
        try:
            if self._stopping.is_set():
                return False
            run = await self._advance(job, control)
            _log.info("Run %s: %s", run.thread_id, run.status)
            return True
        except LeaseHeld:
            self._leave(job.thread_id)
        except (GraphNotFound, GraphBuildError, RunNotFound) as error:
            await self._park(job, str(error))
        except StoreError as error:
            _log.warning("Run %s could not be advanced and is tried again: %s", job.thread_id, error)
            await asyncio.sleep(self.poll)
        except Exception as error:
            _log.exception("Run %s could not be advanced.", job.thread_id)
            await self._park(job, f"{type(error).__name__}: {error}")
        finally:
            self._controls.discard(control)
        return False

    def _leave(self, thread_id: str) -> None:
        """Look at others first: who is at work on a run may be so for long, and holds no lease that a search sees."""
        self._left.add(thread_id)
        asyncio.get_running_loop().call_later(self.poll, self._left.discard, thread_id)

    async def _advance(self, job: Job, control: RunControl) -> Run:
        if job.graph is None:
            raise GraphNotFound(f"The run {job.thread_id} does not say which graph it belongs to. {_HOW}")
        try:
            graph = await asyncio.to_thread(self.graphs, job.graph)
        except GraphNotFound as error:
            raise GraphNotFound(f"{error} {_HOW}") from None
        if isinstance(graph, Served):
            graph = await asyncio.to_thread(graph.served, self.saver, job.thread_id)
        if job.direct and await _unfinished(graph, job.thread_id):
            raise LeaseHeld(f"The process that invoked run {job.thread_id} is still at work on it.")
        return await aadvance(self.saver, graph, job.thread_id, control=control, patience=PATIENCE, owner=self.owner)

    async def _park(self, job: Job, error: str) -> None:
        _log.warning("Run %s is parked: %s", job.thread_id, error)
        await self.saver.database.awrite(lambda connection: park(connection, job.thread_id, error))


_HOW = (
    "Resume it from Python with treadle.graphs.resume(graph, thread_id), or give"
    ' the name of a known graph in the configuration\'s metadata: {"metadata": {"graph": name}}.'
)


async def _unfinished(graph: Graph, thread_id: str) -> bool:
    """Whether the graph has steps that neither ended nor asked: going on would run them a second time beside."""
    state = await graph.aget_state({"configurable": {"thread_id": thread_id}})
    return any(not task.interrupts and task.error is None and task.result is None for task in state.tasks)


def _ended(working: dict[str, asyncio.Task[bool]], thread_id: str, bell: asyncio.Event, _: object) -> None:
    del working[thread_id]
    bell.set()


async def _wait(bell: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(bell.wait(), seconds)
    except TimeoutError:
        return
