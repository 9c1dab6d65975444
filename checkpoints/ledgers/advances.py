"""Taking a run further: under its lease, with every recorded answer at once."""

import asyncio
import contextvars
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained, is_invalid_resume
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command
from pydantic import ValidationError

from treadle.checkpoints import versions
from treadle.checkpoints.desks.plains import plain
from treadle.checkpoints.ledgers import settlements
from treadle.checkpoints.ledgers.fences import FENCE
from treadle.checkpoints.ledgers.leases import Lease, acquire, beating, confirm
from treadle.checkpoints.runs import Run, begin, end, fail, inherit, interrupted, load
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import GraphBuildError, LeaseHeld, RunNotFound

Graph = CompiledStateGraph[Any, Any, Any, Any]
Ending = Callable[[sqlite3.Connection, Lease], Run]

STEPS = 1000
"""Supersteps that one advance may take unless its configuration says otherwise: a run may wait often and loop long."""

THREADS = 32
"""Threads for nodes that are not async, where the event loop is ours: asyncio's own pool has six on two cores."""

_GONE = "The run no longer asked when it went on."

_log = logging.getLogger(__name__)


def advance(
    saver: SqliteSaver,
    graph: Graph,
    thread_id: str,
    *,
    input: Any = None,  # noqa: A002
    config: RunnableConfig | None = None,
    name: str | None = None,
    fingerprint: str | None = None,
    control: RunControl | None = None,
    patience: int | None = None,
    owner: str | None = None,
) -> Run:
    """As ``aadvance``, from code that is not async; where an event loop runs already, it blocks that."""
    going = _Advance(saver, graph, thread_id, input, config or {}, name, fingerprint, control, patience, owner)

    async def go() -> Run:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "treadle-nodes"))
        return await going.go()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(go())
    with ThreadPoolExecutor(1, "treadle-advance") as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, go()).result()


async def aadvance(
    saver: SqliteSaver,
    graph: Graph,
    thread_id: str,
    *,
    input: Any = None,  # noqa: A002
    config: RunnableConfig | None = None,
    name: str | None = None,
    fingerprint: str | None = None,
    control: RunControl | None = None,
    patience: int | None = None,
    owner: str | None = None,
) -> Run:
    """Take a run as far as it goes without a person, and return where it is then.

    With ``input`` the graph begins; without, it goes on with every answer that is recorded, or where it stopped. Where
    there is nothing to go on with, nothing runs. ``name`` and ``fingerprint`` of the graph and the plain values of
    ``config["configurable"]`` are kept for later advances. ``control`` can ask for an early end (RunControl).

    What the graph raises is not raised here: the run is then ``failed`` (``parked`` at the failure that makes
    ``patience``) and has the ``error``. A process that ended amid the run before it had stored anything is a failure
    too. An answer that the graph refuses puts its review back in the queue, with the ``problem``; the others hold.

    Raises LeaseHeld if another process advances the run, RunOpen if there is ``input`` and the run was begun and is
    not over, VersionChanged if the graph is another one than when the run paused, RunNotFound, GraphBuildError if the
    graph was compiled without this saver.
    """
    return await _Advance(
        saver, graph, thread_id, input, config or {}, name, fingerprint, control, patience, owner
    ).go()


@dataclass(frozen=True)
class _Advance:
    saver: SqliteSaver
    graph: Graph
    thread_id: str
    input: Any
    config: RunnableConfig
    name: str | None
    fingerprint: str | None
    control: RunControl | None
    patience: int | None
    owner: str | None

    async def go(self) -> Run:
        store = _store(self.saver, self.graph, self.name or self.thread_id)
        database = self.saver.database
        held = await database.awrite(self._take)
        if held is None:
            return await database.aread(lambda connection: load(connection, self.thread_id))
        try:
            run, answers = await database.awrite(partial(self._begin, held=held))
            if run.status == "parked":
                return run
            ending = await self._invoke(run, answers, held)
            await store.awrite(lambda connection: None)  # what was posted lands before the lease goes
        except BaseException:
            with suppress(LeaseHeld):
                database.write(partial(self._stopped, held=held))
            raise
        return await database.awrite(lambda connection: ending(connection, held))

    def _take(self, connection: sqlite3.Connection) -> Lease | None:
        """The lease, or None if there is nothing to do."""
        if self.input is None:
            run = load(connection, self.thread_id)
            if run.status == "done" or (run.status in ("waiting", "direct") and run.pending and not run.decided):
                return None
            if run.status == "decided" and settlements.held(connection, self.thread_id) is not None:
                return None  # what is decided can still be taken back
            if not settlements.begun(connection, self.thread_id):
                raise RunNotFound(f"The run {self.thread_id} stopped before its input was stored: start it again.")
            versions.admit(connection, run, self.fingerprint or versions.of(self.graph))
        held = acquire(self.thread_id, owner=self.owner)(connection)
        if self.input is not None:
            settlements.startable(connection, self.thread_id)
        return held

    def _begin(self, connection: sqlite3.Connection, held: Lease) -> tuple[Run, Mapping[str, Any]]:
        parked = inherit(connection, held, patience=self.patience) if self.input is None else None
        if parked is not None:
            return parked, {}
        kept = _plain(self.config.get("configurable", {}))
        version = self.fingerprint or versions.of(self.graph)
        run = begin(connection, held, graph=self.name, fingerprint=version, config=kept)
        return run, settlements.take(connection, self.thread_id)

    async def _invoke(self, run: Run, answers: Mapping[str, Any], held: Lease) -> Ending:
        """Run the graph while the lease is renewed; how it ended, as work still to be written."""
        payload = self.input if self.input is not None else Command(resume=dict(answers)) if answers else None
        config = self._config(run, held)
        # A step is committed before the next begins: a process that is killed does not repeat an effect that is over.
        invoked = asyncio.ensure_future(self.graph.ainvoke(payload, config, control=self.control, durability="sync"))
        loop, stolen = asyncio.get_running_loop(), threading.Event()

        def lost() -> None:
            stolen.set()
            loop.call_soon_threadsafe(invoked.cancel)

        try:
            with beating(self.saver, held, lost=lost):
                await invoked
        except GraphDrained:
            return self._stopped
        except asyncio.CancelledError:
            if stolen.is_set():
                await self.saver.database.awrite(lambda connection: confirm(connection, held))
            raise
        except Exception as error:
            _log.info("The run %s failed.", self.thread_id, exc_info=error)
            if is_invalid_resume(error):
                return partial(self._refused, error=error, sent=answers)
            return partial(self._failed, error=error)
        return await self._after(config, answers)

    def _config(self, run: Run, held: Lease) -> RunnableConfig:
        given = self.config
        metadata = dict(given.get("metadata") or {}) | ({"graph": run.graph} if run.graph else {})
        own = {"thread_id": self.thread_id, FENCE: (str(self.thread_id), held.token)}
        configurable = {**run.config, **given.get("configurable", {}), **own}
        merged = {"recursion_limit": STEPS, **given, "metadata": metadata, "configurable": configurable}
        return cast(RunnableConfig, merged)

    async def _after(self, config: RunnableConfig, answers: Mapping[str, Any]) -> Ending:
        """The graph returned: whether it is over, and which of its questions are still open, is in its state."""
        state = await self.graph.aget_state({"configurable": {"thread_id": self.thread_id}})
        asked = {interrupt.id for task in state.tasks for interrupt in task.interrupts}
        return partial(self._ended, sent=answers, asked=asked, over=not state.next)

    def _ended(
        self, connection: sqlite3.Connection, held: Lease, *, sent: Collection[str], asked: Collection[str], over: bool
    ) -> Run:
        confirm(connection, held)
        left = settlements.unapplied(connection, self.thread_id).keys() & set(sent)
        settlements.refuse(connection, self.thread_id, left & set(asked), "The run went on without this answer.")
        settlements.refuse(connection, self.thread_id, left - set(asked), _GONE, status="closed")
        return end(connection, held, over=over)

    def _refused(self, connection: sqlite3.Connection, held: Lease, *, error: Exception, sent: Collection[str]) -> Run:
        confirm(connection, held)
        left = settlements.unapplied(connection, self.thread_id).keys() & set(sent)
        settlements.refuse(connection, self.thread_id, left, _problem(error))
        return end(connection, held, over=False)

    def _failed(self, connection: sqlite3.Connection, held: Lease, *, error: Exception) -> Run:
        return fail(connection, held, _words(error), patience=self.patience)

    def _stopped(self, connection: sqlite3.Connection, held: Lease) -> Run:
        return interrupted(connection, held)


def _store(saver: SqliteSaver, graph: Graph, name: str) -> Any:
    """The database that the graph writes to, which must be the saver's."""
    found = getattr(graph, "checkpointer", None)
    store = getattr(found, "database", None)
    if store is None or os.path.realpath(store.path) != os.path.realpath(saver.database.path):
        kind = type(found).__name__ if found is not None and not isinstance(found, bool) else "no checkpointer"
        raise GraphBuildError(
            f"The graph {name} was compiled with {kind}, so that its runs cannot be advanced on {saver.database.path}:"
            " compile it with checkpointer= the saver of that database."
        )
    return store


def _plain(configurable: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration can be kept for later: plain values, except those that name a place in one run."""
    places = ("thread_id", "checkpoint_id", "checkpoint_ns")
    return {
        key: value
        for key, value in configurable.items()
        if isinstance(value, str | int | float | bool) and key not in places and not key.startswith("__")
    }


def _words(error: Exception) -> str:
    """An exception on one line, with the notes that LangGraph adds (which node it came from)."""
    notes = " ".join(getattr(error, "__notes__", ()))
    return str(plain(f"{type(error).__name__}: {error} {notes}".strip()[:2000]))


def _problem(error: Exception) -> str:
    """Why the graph refused an answer: the first problem that pydantic names."""
    if not isinstance(error, ValidationError) or not error.error_count():
        return str(plain(f"The graph refused the answer: {error}"[:500]))
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return str(plain(f"The graph refused the answer{' at ' + place if place else ''}: {first['msg']}."[:500]))
