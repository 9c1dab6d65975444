"""Forks: a child process must not inherit a connection of SQLite, not even one that it never uses.

It would count in the child as open, so that connections of the child's own take no lock on the file, and whoever closes
the file in the parent removes the log with what the child wrote. So connections that are not in use are let go just
before a fork, and opened again when somebody needs them.
"""

import os
import threading
import weakref
from typing import Protocol


class Holder(Protocol):
    """Something that has connections."""

    def pause(self) -> bool:
        """Let them go, and open none until told to go on; False if that cannot be, and nothing was done."""
        ...

    def go_on(self) -> None:
        """Open them again when they are needed."""

    def begin(self) -> None:
        """Start anew, in a child: locks and threads are the parent's."""


_holders: "weakref.WeakSet[Holder]" = weakref.WeakSet()
_paused: list[Holder] = []
_forking = threading.Lock()
_inherited: list[object] = []


def heed(holder: Holder) -> None:
    """Have somebody let go before each fork from now on."""
    _holders.add(holder)


def _before() -> None:
    _forking.acquire()
    _paused.extend(each for each in list(_holders) if each.pause())


def _in_parent() -> None:
    while _paused:
        _paused.pop().go_on()
    _forking.release()


def _in_child() -> None:
    _paused.clear()
    for each in list(_holders):
        # What the parent has must not end here: a connection would, a pool might wait for a lock that nobody holds.
        _inherited.append(dict(vars(each)))
        each.begin()
    _forking.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
