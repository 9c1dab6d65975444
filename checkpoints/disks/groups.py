"""Groups: those who come while a call is under way share the next one."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class _Group(Generic[T]):
    """Things that one call is made for, and what became of it."""

    things: list[T] = field(default_factory=list)
    done: "Future[None]" = field(default_factory=Future)


class Grouped(Generic[T]):
    """A call for many things at once, made by threads that each have one; it returns, or raises, to all of them."""

    def __init__(self, call: Callable[[list[T]], object]) -> None:
        self._call = call
        self._next: _Group[T] = _Group()
        self._mutex = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, thing: T) -> None:
        """Have the call made, with whatever comes until its turn comes."""
        with self._mutex:
            group = self._next
            group.things.append(thing)
            first = len(group.things) == 1
        if first:
            self._lead(group)
        group.done.result()

    def _lead(self, group: _Group[T]) -> None:
        with self._turn:
            with self._mutex:
                self._next = _Group()
            try:
                self._call(group.things)
            except BaseException as error:
                group.done.set_exception(error)
                raise
            group.done.set_result(None)
