"""Debts: results and steps that a store has taken and not committed yet, where it was told that they may linger.

Their calls have returned. So what could not be stored of a thread is told to the next call for that thread, or to
whoever closes the store.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from treadle.errors import StoreError, TreadleError

T_co = TypeVar("T_co", covariant=True)

MOST = 16_000_000
"""Bytes that may linger; who comes beyond them waits for a commit."""

EACH = 2_000
"""Bytes that one takes in memory besides its values."""

NAMED = 3
"""Debts that an error names."""


@dataclass(frozen=True)
class Debt:
    """What a task wrote, or a step's checkpoint, while it lingers; ``size`` is that of its values in bytes."""

    thread: str
    name: str
    size: int
    barrier: bool = False
    """Whether others rest on it: what is remembered of its thread is stored after it."""


class Owing(Protocol[T_co]):
    """Work that may linger before it is done."""

    @property
    def debt(self) -> Debt | None:
        """What it is while it lingers; None if it must not."""
        ...

    def __call__(self, connection: sqlite3.Connection) -> T_co:
        """Do it, inside a transaction."""
        ...


@dataclass(eq=False)
class Debts:
    """What lingers of all threads, and what of it was lost."""

    _size: int = 0
    _barriers: int = 0
    _lost: dict[str, list[tuple[Debt, BaseException]]] = field(default_factory=dict)
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def open(self) -> bool:
        """Whether anything lingers."""
        return self._size > 0

    @property
    def barred(self) -> bool:
        """Whether something lingers that others rest on."""
        return self._barriers > 0

    def take(self, debt: Debt) -> bool:
        """Take on one more; False if there is no room for it."""
        with self._mutex:
            room = self._size + debt.size + EACH <= MOST
            self._size += (debt.size + EACH) * room
            self._barriers += debt.barrier * room
        return room

    def settle(self, debt: Debt, error: BaseException | None) -> None:
        """Note that one is committed, or what went wrong."""
        with self._mutex:
            self._size -= debt.size + EACH
            self._barriers -= debt.barrier
            if error is not None:
                self._lost.setdefault(debt.thread, []).append((debt, error))

    def tell(self, threads: Sequence[str] | None = None) -> None:
        """Raise what was lost of some threads, or of all, unless somebody was told before."""
        if not self._lost:
            return
        with self._mutex:
            names = tuple(self._lost) if threads is None else threads
            lost = [one for name in names for one in self._lost.pop(name, ())]
        if lost:
            raise _loss(lost) from lost[0][1]

    @contextmanager
    def told(self, threads: Sequence[str] | None = None) -> Iterator[None]:
        """Around a call for some threads, or for all: it fails, before or after, if anything of them was lost."""
        self.tell(threads)
        try:
            yield
        except Exception:
            self.tell(threads)
            raise
        self.tell(threads)


def _loss(lost: Sequence[tuple[Debt, BaseException]]) -> TreadleError:
    """The error that says which tasks' results are not stored, and why."""
    error = lost[0][1]
    threads = ", ".join(dict.fromkeys(repr(debt.thread) for debt, _ in lost))
    found = ", ".join(debt.name for debt, _ in lost[:NAMED]) + ", ..." * (len(lost) > NAMED)
    kind = type(error) if isinstance(error, TreadleError) else StoreError
    return kind(
        f"What was to linger is not stored, so it is done again when the run goes on: {len(lost)} of"
        f" thread {threads} ({found}). Their own calls would have said: {error}"
    )
