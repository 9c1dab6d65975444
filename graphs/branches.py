"""One branch of a fan-out: its own slot, attempts, deadline and durable result."""

import asyncio
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypedDict
from weakref import WeakKeyDictionary

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.errors import GraphBubbleUp, is_invalid_resume

from treadle.errors import GraphBuildError, ModelUnavailable, StoreError
from treadle.nodes.outcomes import Outcome, failure, success
from treadle.nodes.records import place, recorder
from treadle.nodes.steps import Ask, Block, Effect, Pause, Update, Work, adrive, drive

BUGS = (TypeError, AttributeError, NameError, ImportError, AssertionError, NotImplementedError, GraphBuildError)
"""Errors that another attempt or another item would not cure: they fail the run."""

Worker = Runnable[Any, Any]

FATAL = (*BUGS, GraphBubbleUp, ModelUnavailable, StoreError)
"""What is no branch's own failure."""


class Task(TypedDict):
    """What a `Send` carries to a branch."""

    index: int
    input: dict[str, Any]
    deadline: float | None


@dataclass(frozen=True)
class Slots:
    """At most `limit` at once, over all runs of one fan-out in this process."""

    limit: int
    threads: threading.BoundedSemaphore = field(init=False, compare=False, repr=False)
    loops: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = field(
        default_factory=WeakKeyDictionary, init=False, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        """Make the slots."""
        object.__setattr__(self, "threads", threading.BoundedSemaphore(self.limit))

    @property
    def here(self) -> asyncio.Semaphore:
        """The slots of the running loop."""
        return self.loops.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.limit))


@dataclass(frozen=True)
class Branch:
    """Runs a worker on one item and turns what becomes of it into an outcome."""

    name: str
    output: str
    """The worker's key that is the branch's value."""
    outcomes: str
    """The key that the outcome goes to."""
    limit: int
    attempts: int
    slots: Slots = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make the slots that all tasks of this branch share."""
        object.__setattr__(self, "slots", Slots(self.limit))

    def run(self, worker: Worker, task: Task, config: RunnableConfig) -> Update:
        """Return the outcome of a task, as the update."""
        with self.slots.threads:
            return drive(self._work(worker, task, config))

    async def arun(self, worker: Worker, task: Task, config: RunnableConfig) -> Update:
        """Return the outcome of a task, as the update."""
        async with self.slots.here:
            return await adrive(self._work(worker, task, config))

    def _work(self, worker: Worker, task: Task, config: RunnableConfig) -> Work:
        """Return what the journal has, or else run the worker and keep its result there."""
        store, (thread_id, namespace) = recorder(config), place(config)
        known = (yield Block(lambda: store.recall(thread_id, namespace))) if store else None
        if known is not None:
            return {self.outcomes: [known[0]]}
        outcome = yield from self._tried(worker, task, config)
        if store and outcome["status"] == "success":
            yield Block(lambda: store.remember(thread_id, namespace, outcome))
        return {self.outcomes: [outcome]}

    def _tried(self, worker: Worker, task: Task, config: RunnableConfig) -> Generator[Effect, Any, Outcome]:
        """Try the worker until it has a value, the attempts are used up, or time is."""
        index, started = task["index"], time.monotonic()
        for attempt in range(1, self.attempts + 1):
            left = None if task["deadline"] is None else task["deadline"] - time.time()
            try:
                if left is not None and left <= 0:
                    raise TimeoutError
                result = yield Ask(worker, task["input"], config, left)
            except FATAL:
                raise
            except TimeoutError:
                late = TimeoutError("time was up before this branch had an answer")
                return failure(index, self.name, late, status="cancelled", **_spent(attempt, started))
            except Exception as error:
                if is_invalid_resume(error):
                    raise
                if attempt == self.attempts:
                    return failure(index, self.name, error, **_spent(attempt, started))
                yield Pause(min(0.1 * 2**attempt, 5))
            else:
                return success(index, self.name, result.get(self.output), **_spent(attempt, started))
        raise AssertionError("a branch has at least one attempt")


def _spent(attempts: int, started: float) -> Any:
    return {"attempts": attempts, "seconds": time.monotonic() - started}
