"""The contract of a step: what it reads, what it writes, and one implementation for sync and async."""

import asyncio
import contextvars
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from langchain_core.runnables import Runnable, RunnableConfig

from treadle.errors import InputInvalid

State = Mapping[str, Any]
Update = dict[str, Any]


_CANCELLED = "it ended with CancelledError, and nobody had cancelled it"


@dataclass(slots=True)
class Ask:
    """A Runnable to be invoked on behalf of a step, for at most `timeout` seconds.

    Not frozen, as other effects that branches make by the million are not: that takes four times as long to make.
    """

    runnable: Runnable[Any, Any]
    input: Any
    config: RunnableConfig
    timeout: float | None = None

    def now(self) -> Any:
        """Invoke it in this thread, or in one of its own when there is a time-out."""
        if self.timeout is None:
            return self._invoke()
        context = contextvars.copy_context()
        pool = ThreadPoolExecutor(1, thread_name_prefix="treadle-timed")
        call = pool.submit(context.run, self._invoke)
        pool.shutdown(wait=False)  # a thread cannot be cancelled: its late result is dropped
        wait([call], self.timeout)
        return call.result() if call.done() else self._late()

    async def soon(self) -> Any:
        """Invoke it on the running loop."""
        try:
            if self.timeout is None:
                return await self.runnable.ainvoke(self.input, self.config)
            return await self._timed()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise CancelledError(_CANCELLED) from error

    async def _timed(self) -> Any:
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self.runnable.ainvoke(self.input, self.config)
        except TimeoutError:
            if not limit.expired():
                raise
            self._late()

    def _invoke(self) -> Any:
        try:
            return self.runnable.invoke(self.input, self.config)
        except asyncio.CancelledError as error:  # nobody cancels a thread
            raise CancelledError(_CANCELLED) from error

    def _late(self) -> NoReturn:
        raise TimeoutError(f"no answer within {self.timeout:g} s") from None


@dataclass(frozen=True)
class Block:
    """A function that may block (a database, a disk) and must not do so on an event loop."""

    function: Callable[[], Any]

    def now(self) -> Any:
        """Call it in this thread."""
        return self.function()

    async def soon(self) -> Any:
        """Call it in another thread."""
        return await asyncio.to_thread(self.function)


@dataclass(frozen=True)
class Pause:
    """A wait of some seconds."""

    seconds: float

    def now(self) -> None:
        """Sleep in this thread."""
        time.sleep(self.seconds)

    async def soon(self) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(self.seconds)


class Effect(Protocol):
    """Something that a step waits for: `now` waits in this thread, `soon` on the running loop."""

    def now(self) -> Any:
        """Have it in this thread."""

    async def soon(self) -> Any:
        """Have it on the running loop."""


Work = Generator[Effect, Any, Update]


def drive(work: Work) -> Update:
    """Run a step's work to its end in this thread; what an effect raises is raised inside the work."""
    try:
        effect = next(work)
        while True:
            try:
                reply = effect.now()
            except Exception as error:
                effect = work.throw(error)
            else:
                effect = work.send(reply)
    except StopIteration as done:
        update: Update = done.value
        return update
    finally:
        work.close()  # what stops the run (a Ctrl-C, a cancellation) leaves through the work's own `finally`


async def adrive(work: Work) -> Update:
    """Run a step's work to its end on the running loop; what an effect raises is raised inside the work."""
    try:
        effect = next(work)
        while True:
            try:
                reply = await effect.soon()
            except Exception as error:
                effect = work.throw(error)
            else:
                effect = work.send(reply)
    except StopIteration as done:
        update: Update = done.value
        return update
    finally:
        work.close()  # what stops the run (a Ctrl-C, a cancellation) leaves through the work's own `finally`


class Step(Runnable[Any, Update]):
    """A node of a graph that says what it reads and writes; subclasses are frozen dataclasses.

    A subclass gives `name`, `reads`, `writes` and `work`. `work` is a generator: it yields effects (`Ask`, `Block`,
    `Pause`), is sent their results, and returns the update. So each rule stands once and runs in both worlds.
    """

    name: str

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """The state keys that must be there."""

    @property
    @abstractmethod
    def writes(self) -> Mapping[str, Any]:
        """The state keys that the update may have, with their types (`Annotated` with a reducer if one is needed)."""

    @abstractmethod
    def work(self, state: State, config: RunnableConfig) -> Work:
        """Yield effects, return the update."""

    def __call__(self, state: State, config: RunnableConfig | None = None) -> Update:
        """Return the update for a state."""
        return drive(self.work(state, config or {}))

    def invoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the update for a state."""
        return drive(self.work(input, config or {}))

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the update for a state, on the running loop."""
        return await adrive(self.work(input, config or {}))


def asked(runnable: Runnable[Any, Any], state: State, config: RunnableConfig) -> Generator[Effect, Any, Any]:
    """Return what a Runnable gives for a state; a step's work becomes part of the work that asks."""
    if isinstance(runnable, Step):
        return (yield from runnable.work(state, config))
    return (yield Ask(runnable, state, config))


def lookup(state: State, key: str, *, step: str) -> Any:
    """Return one value of the state.

    Raises:
        InputInvalid: when the key is not there; the message names step and key.
    """
    try:
        return state[key]
    except KeyError:
        known = ", ".join(sorted(state)) or "none"
        raise InputInvalid(f"step {step!r} reads {key!r}, which the state does not have (its keys: {known})") from None
