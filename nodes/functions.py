"""`step`: a function whose parameters are state keys, as a step."""

import inspect
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, get_args, get_origin, get_type_hints

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.types import CachePolicy
from pydantic import BaseModel, TypeAdapter, ValidationError

from treadle.errors import GraphBuildError, InputInvalid
from treadle.nodes.caches import Caching, Known, cached, policy
from treadle.nodes.fingerprints import fingerprint
from treadle.nodes.policies.executors import aperform, perform
from treadle.nodes.records import path, place, recorder
from treadle.nodes.redactions import redacted
from treadle.nodes.steps import Ask, Effect, State, Step, Update, Work, lookup


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
    cache: CachePolicy[Any] | None = None

    @property
    def writes(self) -> Mapping[str, Any]:
        """The key that the result goes to."""
        return {self.into: self.returns}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Call the function with the keys that it names, unless what it gives for them is known."""
        given = {key: lookup(state, key, step=self.name) for key in self.reads}
        given |= {key: state[key] for key in self.optional if key in state}
        if self.cache is None:
            return (yield from self._call(given, config))
        started, version = time.time(), fingerprint(replace(self, cache=None))
        inner = partial(self._call, given, config)
        known = yield from cached(self.cache, self.name, version, given, config, inner)
        if known.hit:
            self._record(known, started, state, config)
        return known.update

    def _call(self, given: Mapping[str, Any], config: RunnableConfig) -> Generator[Effect, Any, Update]:
        arguments = {**given, **{key: self._typed(key, given[key]) for key in self._modelled if key in given}}
        return {self.into: (yield Ask(self._called, arguments, config))}

    @cached_property
    def _called(self) -> "_Called":
        return _Called(self.function)

    @cached_property
    def _modelled(self) -> tuple[str, ...]:
        """The parameters that want a pydantic model: found once, since a worker may be called by the million."""
        return tuple(key for key, kind in self.takes.items() if _modelled(kind))

    def _record(self, known: Known, started: float, state: State, config: RunnableConfig) -> None:
        """Tell the trace that the result was known."""
        if (store := recorder(config)) is None:
            return
        thread_id, namespace = place(config)
        value = known.update[self.into]
        told = {"step": self.name, "path": path(namespace), "ns": namespace, "attempt": 1, "at": started}
        parsed = redacted((), state, config).also(self.into, value).value(value)
        seconds = round(time.time() - started, 6)
        store.trace(thread_id, {**told, "parsed": parsed, "cached": known.hit, "cost": 0.0, "seconds": seconds})

    def _typed(self, key: str, value: Any) -> Any:
        """A value as its parameter declares it: plain data of the state may be wanted as a pydantic model."""
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
        if self._awaited:
            raise TypeError(f"{_named(self.function)} is async: run its graph with ainvoke or astream")
        return perform(self.function, input)

    async def ainvoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        if self._awaited:
            return await self.function(**input)
        return await aperform(self.function, input)

    @cached_property
    def _awaited(self) -> bool:
        return inspect.iscoroutinefunction(self.function)


def step(
    function: Callable[..., Any], *, into: str | None = None, name: str | None = None, cache: Caching | None = None
) -> Function:
    """Turn a function whose parameters are named after state keys into a step.

    The result goes to the key `into` (default: the function's name). A parameter with a default is optional. The
    function may be a coroutine function. `cache` is how long a result is good for the same arguments, such as ``"7d"``,
    or True; the function's code is part of what it is kept under.

    >>> shout = step(lambda text: text.upper(), into="loud", name="shout")
    >>> shout({"text": "hello"})
    {'loud': 'HELLO'}

    Raises:
        GraphBuildError: for a function that takes ``*args`` or ``**kwargs``, a lambda without `into`, or a life time
            that is none.
    """
    label = name or _named(function)
    if not label.isidentifier() and into is None:
        raise GraphBuildError(f"{label} has no name to write to: give step(..., into='key', name='step')")
    parameters = inspect.signature(function).parameters.values()
    if loose := [p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY)]:
        raise GraphBuildError(f"step {label!r}: parameter {loose[0]!r} cannot be a state key; name each key it reads")
    known = hints(function)
    return Function(
        function,
        name=label,
        into=into or label,
        returns=known.get("return", Any),
        takes={key: kind for key, kind in known.items() if key != "return"},
        reads=tuple(p.name for p in parameters if p.default is p.empty),
        optional=tuple(p.name for p in parameters if p.default is not p.empty),
        cache=policy(cache, where=f"step {label!r}"),
    )


def _modelled(kind: Any) -> bool:
    """Whether a type is a pydantic model, or holds one."""
    if isinstance(kind, type) and get_origin(kind) is None:
        return issubclass(kind, BaseModel)
    return any(_modelled(part) for part in get_args(kind))


def _named(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a function's type hints, or none where one of them is a name that exists for type checkers alone."""
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}
