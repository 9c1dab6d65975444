"""What a value may have been made of: other values of its thread, against which it is then packed.

The value of a channel is often what tasks wrote to it, put together; a large thing that a task writes is often what its
graph was given. Only values that rest on no other are packed against, so that one step leads back to whole bytes.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence

import ormsgpack

from treadle.checkpoints.layouts.packs import pack, unpack
from treadle.checkpoints.layouts.tails import Tails, Typed

RELATED = 512
"""Bytes from which a value is compared with what it may have been made of."""

MOST = 64 * 1024 * 1024
"""Bytes of other values that one value is packed against at most."""

Near = Callable[[bytes], Sequence[int]]
"""Finds the ids of values that another one may have been made of; asked only if that matters."""


Known = Callable[[int], Typed | None]
"""Finds a value, by its id, that was read before."""


def _nothing(id_: int) -> None:
    """Where nothing was read before."""


def nowhere(raw: bytes) -> Sequence[int]:
    """For a value that is made of no other, as far as one knows."""
    return ()


def fold(ids: Sequence[int]) -> bytes | None:
    """The column that holds the ids of values; None if there are none."""
    return ormsgpack.packb(list(ids)) if ids else None


def unfold(refs: bytes | None) -> list[int]:
    """The ids in such a column."""
    try:
        return list(ormsgpack.unpackb(refs)) if refs else []
    except (TypeError, ValueError) as error:
        raise sqlite3.DatabaseError(f"pointers to stored values are damaged: {error}") from error


def related(connection: sqlite3.Connection, raw: bytes, near: Near, tails: Tails) -> tuple[bytes | None, int, bytes]:
    """Refs, codec and body of a value: packed against what it was made of, if there is such, or by itself."""
    ids = near(raw) if len(raw) >= RELATED else ()
    if ids:
        other = together(connection, ids, tails.known)
        codec, body = pack(raw, other) if alike(raw, other) else (0, b"")
        if codec == 2:
            return fold(ids), codec, body
    return None, *pack(raw)


def alike(raw: bytes, other: bytes) -> bool:
    """Whether some bytes out of one value, here and there, are found in another."""
    return any(raw[(at := len(raw) * part // 11) : at + 24] in other for part in (2, 3, 5, 7))


def among(keys: Sequence[int]) -> tuple[str, int | str]:
    """What says in SQL that a column is one of some keys, and its parameter; one alone is found in half the time."""
    return ("= ?", keys[0]) if len(keys) == 1 else ("IN (SELECT value FROM json_each(?))", json.dumps(keys))


def whole(connection: sqlite3.Connection, ids: Iterable[int]) -> list[int]:
    """Those of some values, in their order, that rest on no other; none if that is too much."""
    known = list(ids)
    is_one, wanted = among(known)
    rows = connection.execute(
        f"SELECT id, size FROM blobs WHERE id {is_one} AND base IS NULL AND refs IS NULL", (wanted,)
    ).fetchall()
    sizes = {row["id"]: row["size"] for row in rows}
    return [id_ for id_ in known if id_ in sizes] if sum(sizes.values()) <= MOST else []


def together(connection: sqlite3.Connection, ids: Sequence[int], known: Known = _nothing) -> bytes:
    """The bytes of values that rest on no other, one after the other; those that are ``known`` are not read again."""
    found = {id_: value[1] for id_ in ids if (value := known(id_))}
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        is_one, wanted = among(missing)
        rows = connection.execute(
            f"SELECT id, codec, body FROM blobs WHERE id {is_one} AND base IS NULL AND refs IS NULL", (wanted,)
        )
        found |= {id_: unpack(codec, body) for id_, codec, body in rows}
    try:
        return b"".join(found[id_] for id_ in ids)
    except KeyError as error:
        raise sqlite3.DatabaseError(f"value {error} is missing") from error
