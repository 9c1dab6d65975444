"""The contract of a step: what it reads, what it writes, and one implementation for sync and async."""

import asyncio
import contextvars
import inspect
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, TypeAdapter, ValidationError

from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes.executors import aperform, perform

State = Mapping[str, Any]
Update = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """A Runnable to be invoked on behalf of a step, for at most `timeout` seconds."""

    runnable: Runnable[Any, Any]
    input: Any
    config: RunnableConfig
    timeout: float | None = None

    def now(self) -> Any:
        """Invoke it in this thread, or in one of its own when there is a time-out."""
        if self.timeout is None:
            return self.runnable.invoke(self.input, self.config)
        context = contextvars.copy_context()
        pool = ThreadPoolExecutor(1)
        try:
            return pool.submit(context.run, self.runnable.invoke, self.input, self.config).result(self.timeout)
        finally:
            pool.shutdown(wait=False)  # a thread cannot be cancelled: its late result is dropped

    async def soon(self) -> Any:
        """Invoke it on the running loop."""
        return await asyncio.wait_for(self.runnable.ainvoke(self.input, self.config), self.timeout)


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
        return self(input, config)

    async def ainvoke(self, input: State, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002
        """Return the update for a state, on the running loop."""
        return await adrive(self.work(input, config or {}))


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


@dataclass(frozen=True)
class Function(Step):
    """A function whose parameters are state keys, as a step. Made by `step`."""

    function: Callable[..., Any]
    name: str
    into: str
    returns: Any = Any
    reads: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    takes: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """The types of the parameters that have one."""

    @property
    def writes(self) -> Mapping[str, Any]:
        """The key that the result goes to."""
        return {self.into: self.returns}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Call the function with the keys that it names."""
        arguments = {key: lookup(state, key, step=self.name) for key in self.reads}
        arguments |= {key: state[key] for key in self.optional if key in state}
        arguments = {key: self._typed(key, value) for key, value in arguments.items()}
        return {self.into: (yield Ask(_Called(self.function), arguments, config))}

    def _typed(self, key: str, value: Any) -> Any:
        """A value as its parameter declares it: plain data of the state may be wanted as a pydantic model."""
        if not _modelled(self.takes.get(key)):
            return value
        try:
            return TypeAdapter(self.takes[key]).validate_python(value)
        except ValidationError as error:
            raise InputInvalid(f"step {self.name!r}: {key!r} is not what it takes: {error}") from error


@dataclass(frozen=True)
class _Called(Runnable[dict[str, Any], Any]):
    """A function called by keyword: on a loop a blocking one runs in another thread, a coroutine function there."""

    function: Callable[..., Any]
    name: str | None = field(default=None, init=False)

    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        if inspect.iscoroutinefunction(self.function):
            raise TypeError(f"{_named(self.function)} is async: run its graph with ainvoke or astream")
        return perform(self.function, input)

    async def ainvoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        if inspect.iscoroutinefunction(self.function):
            return await self.function(**input)
        return await aperform(self.function, input)


def step(function: Callable[..., Any], *, into: str | None = None, name: str | None = None) -> Function:
    """Turn a function whose parameters are named after state keys into a step.

    The result goes to the key `into` (default: the function's name). A parameter with a default is optional. The
    function may be a coroutine function.

    >>> shout = step(lambda text: text.upper(), into="loud", name="shout")
    >>> shout({"text": "hello"})
    {'loud': 'HELLO'}

    Raises:
        GraphBuildError: for a function that takes ``*args`` or ``**kwargs``, or a lambda without `into`.
    """
    label = name or _named(function)
    if not label.isidentifier() and into is None:
        raise GraphBuildError(f"{label} has no name to write to: give step(..., into='key', name='step')")
    parameters = inspect.signature(function).parameters.values()
    if loose := [p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)]:
        raise GraphBuildError(f"step {label!r}: parameter {loose[0]!r} cannot be a state key; name each key it reads")
    hints = _hints(function)
    return Function(
        function,
        name=label,
        into=into or label,
        returns=hints.get("return", Any),
        takes={key: kind for key, kind in hints.items() if key != "return"},
        reads=tuple(p.name for p in parameters if p.default is p.empty),
        optional=tuple(p.name for p in parameters if p.default is not p.empty),
    )


def _modelled(kind: Any) -> bool:
    """Whether a type is a pydantic model, or holds one."""
    if isinstance(kind, type) and get_origin(kind) is None:
        return issubclass(kind, BaseModel)
    return any(_modelled(part) for part in get_args(kind))


def _named(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Type hints, or none where they cannot be resolved (a name that exists for type checkers alone)."""
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}
