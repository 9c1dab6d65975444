"""A listing of checkpoints, read page by page."""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from treadle.checkpoints.layouts import states
from treadle.checkpoints.layouts.spaces import place
from treadle.checkpoints.layouts.states import Record
from treadle.checkpoints.layouts.tails import Typed

FIRST = 16
"""Checkpoints on the first page; later pages grow up to LAST."""

LAST = 128

_NOT_AFTER = f"{states.RECENT} <= substr(?, 1, 13)"
"""Where the index of all checkpoints is entered."""

Head = Callable[[Typed], tuple[dict[str, Any], dict[str, Any]]]


class Pages:
    """What is left of a listing. Each page is one read; between two of them nothing is held."""

    def __init__(
        self,
        config: Mapping[str, Any] | None,
        wanted: Mapping[str, Any] | None,
        before: Mapping[str, Any] | None,
        limit: int | None,
        head: Head,
    ) -> None:
        self.more = limit is None or limit > 0
        self._wanted = dict(wanted or {})
        self._left = limit
        self._head = head
        self._size = FIRST
        self._last: tuple[str, int] | None = None
        self._everywhere = config is None
        self._where: list[str] = []
        self._values: list[Any] = []
        self._restrict(config, before)

    def _restrict(self, config: Mapping[str, Any] | None, before: Mapping[str, Any] | None) -> None:
        if config is not None:
            at = place(config)
            self._add("s.thread_id = ?", at.thread_id)
            if config["configurable"].get("checkpoint_ns") is not None:
                self._add("s.ns = ?", at.ns)
            if at.id:
                self._add("c.id = ?", at.id)
        earlier = before["configurable"].get("checkpoint_id") if before else None
        if earlier:
            self._add("c.id < ?", str(earlier))
            if self._everywhere:
                self._add(_NOT_AFTER, str(earlier))
        for name, kind in (("source", str), ("step", int), ("run_id", str)):
            value = self._wanted.get(name)
            if type(value) is kind:
                self._add(f"c.{name} = ?", value)
                self.more = self.more and not (isinstance(value, int) and value.bit_length() > 63)  # no step is such

    def _add(self, condition: str, value: Any) -> None:
        self._where.append(condition)
        self._values.append(value)

    def turn(self, connection: sqlite3.Connection) -> list[Record]:
        """The next page, whole."""
        size = self._size if self._left is None or self._wanted else min(self._size, self._left)
        where, values = list(self._where), list(self._values)
        if self._last is not None:
            where.append("(c.id, c.key) < (?, ?)")
            values.extend(self._last)
            if self._everywhere:
                where.append(_NOT_AFTER)
                values.append(self._last[0])
        rows = states.page(connection, where, values, size, everywhere=self._everywhere)
        self.more = len(rows) == size
        if rows:
            self._last = (rows[-1][0]["id"], rows[-1][0]["key"])
        self._size = min(self._size * 2, LAST)
        return states.read(connection, self._take(rows))

    def _take(self, rows: states.Page) -> states.Page:
        """Those rows that are wanted, as far as any are still to come."""
        taken = [row for row in rows if self._matches(row[1])][: self._left]
        if self._left is not None:
            self._left -= len(taken)
            self.more = self.more and self._left > 0
        return taken

    def _matches(self, head: Typed) -> bool:
        if not self._wanted:
            return True
        metadata = self._head(head)[1]
        return all(metadata.get(name) == value for name, value in self._wanted.items())
