"""Values on disk: what comes out is what went in, whatever it grew from."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from treadle.checkpoints.disks.databases import Database
from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.tails import Tails
from treadle.checkpoints.layouts.values import Pointer, Storage, load
from treadle.errors import StoreCorrupt

SERDE = JsonPlusSerializer()

WHOLE = st.integers(-(2**63), 2**64 - 1)
PIECES = st.one_of(WHOLE, st.text(max_size=80), st.lists(WHOLE, max_size=5), st.none(), st.booleans())
GROWTHS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "set", "drop", "fork"]), st.lists(PIECES, max_size=20)),
    max_size=30,
)


@contextmanager
def opened() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "x.db", synchronous="OFF")
        try:
            yield database
        finally:
            database.close()


@given(st.binary(max_size=5000), st.integers(0, 3))
def test_bytes_come_back_as_they_were(data: bytes, times: int) -> None:
    assert unpack(*pack(data * 10**times)) == data * 10**times


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(GROWTHS, st.sampled_from(["list", "text", "map"]), st.booleans())
def test_every_version_of_a_value_comes_back(steps: list[Any], kind: str, remembers: bool) -> None:
    with opened() as database:
        tails, stored, state = Tails(), list[tuple[Any, Pointer]](), list[Any]()
        for how, pieces in steps:
            before = stored[-1] if stored else None
            if how == "fork" and stored:
                before = stored[len(stored) // 2]
                state = list(before[0])
            state = {"set": pieces, "drop": state[1:]}.get(how, [*state, *pieces])
            typed = SERDE.dumps_typed(shape(state, kind))

            def work(connection: sqlite3.Connection, typed: Any = typed, before: Any = before) -> Any:
                storage = Storage(connection, 1, tails if remembers else Tails())
                return storage.place(typed, before[1] if before else None), storage

            at, storage = database.write(work)
            storage.remember()
            stored.append((list(state), at))
        ids = [at for _, at in stored if isinstance(at, int)]
        found = database.read(lambda connection: load(connection, ids))
        for value, at in stored:
            assert SERDE.loads_typed(found[at] if isinstance(at, int) else at) == shape(value, kind)


def shape(state: list[Any], kind: str) -> Any:
    if kind == "text":
        return "".join(str(piece) for piece in state)
    return {str(position): piece for position, piece in enumerate(state)} if kind == "map" else state


def test_a_list_that_grows_over_the_sizes_of_its_header_comes_back() -> None:
    with opened() as database:
        tails, at = Tails(), None
        for length in (10, 15, 16, 17, 65535, 65536, 65537, 65538):
            raw = ormsgpack.packb(list(range(length)))

            def work(connection: sqlite3.Connection, raw: bytes = raw, at: Any = at) -> Any:
                storage = Storage(connection, 1, tails)
                return storage.place(("msgpack", raw), at), storage

            at, storage = database.write(work)
            storage.remember()
            if isinstance(at, int):
                assert database.read(lambda connection, at=at: load(connection, [at]))[at] == ("msgpack", raw)  # type: ignore[misc]


def test_a_missing_value_is_told_as_damage() -> None:
    with opened() as database, pytest.raises(StoreCorrupt, match="missing"):
        database.read(lambda connection: load(connection, [7]))
