"""Commitments to plain data: what was said can be proved as long as it is kept, and not be guessed once it is removed.

The commitment to a record is a tree of hashes in the record's own form. At each leaf is a keyed hash of the value (its
key, the salt, is its own), around it the hash of what lies inside. So any part can be replaced by its hash, and the
hash at the root, which is in the chain, stays what it was. All salts come from one secret of the record until the first
part is removed; then the secret is forgotten, and the salts of what is left are written out.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jsonpointer import escape

from treadle.digests import digest

REMOVED = "[redacted]"
"""What is read in the place of a part that was removed."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Opening:
    """What it takes to check a commitment: the salts, and the hashes of what was removed."""

    secret: bytes | None
    """Every salt follows from it; None once a part was removed."""
    salts: Mapping[str, str] = field(default_factory=dict)
    """The salts (hex) of the leaves that are left, by JSON Pointer, where the secret is gone."""
    removed: Mapping[str, str] = field(default_factory=dict)
    """The hashes of what was removed, by JSON Pointer."""

    def commitment(self, value: Any, at: str = "") -> str:
        """The hash that stands for a value, in hex."""
        if at in self.removed:
            return self.removed[at] if value == REMOVED else ""  # nothing else may stand there
        if isinstance(value, dict) and value:
            return digest({key: self.commitment(part, f"{at}/{escape(key)}") for key, part in value.items()})
        if isinstance(value, list) and value:
            return digest([self.commitment(part, f"{at}/{place}") for place, part in enumerate(value)])
        return hashlib.blake2b(_written(value).encode(), key=self._salt(at), digest_size=32).hexdigest()

    def without(self, value: Any, parts: Collection[str]) -> "Opening":
        """The opening once the parts at these pointers are removed: they can be guessed by nobody from then on."""
        gone = {at: self.commitment(part, at) for at, part in _parts(value, frozenset(parts))}
        removed = {at: hash_ for at, hash_ in self.removed.items() if not _within(at, gone)} | gone
        left = (at for at in leaves(value) if not _within(at, removed))
        return Opening(None, {at: self._salt(at).hex() for at in left}, removed)

    def text(self) -> str | None:
        """The part of the opening that is written out; None while the secret is kept."""
        return None if self.secret else json.dumps({"salts": dict(self.salts), "removed": dict(self.removed)})

    def _salt(self, at: str) -> bytes:
        if self.secret is None:
            return bytes.fromhex(self.salts.get(at, ""))
        salt = self._keyed.copy()
        salt.update(at.encode("utf-8", "surrogatepass"))
        return salt.digest()

    @cached_property
    def _keyed(self) -> "hashlib.blake2b":
        """Where the hash of every salt begins: setting the key costs as much as the rest."""
        return hashlib.blake2b(key=self.secret or b"", digest_size=16)


def _written(value: Any) -> str:
    """The JSON of a leaf; numbers the short way, since a record has many."""
    return str(value) if type(value) is int else _ENCODER.encode(value)


def opening() -> Opening:
    """The opening of a new commitment."""
    return Opening(secrets.token_bytes(32))


def reopened(secret: bytes | None, text: str | None) -> Opening:
    """The opening as it was stored."""
    return Opening(secret, **(json.loads(text) if text else {}))


def leaves(value: Any, at: str = "") -> Iterator[str]:
    """The JSON Pointers of a value's leaves; empty objects and lists are leaves.

    >>> list(leaves({"a": [1, {"b": 2}], "c": {}}))
    ['/a/0', '/a/1/b', '/c']
    """
    parts = children(value)
    if not parts:
        yield at
    for step, part in parts:
        yield from leaves(part, f"{at}/{step}")


def children(value: Any) -> list[tuple[str, Any]]:
    """The parts of an object or a list, each with its step of a JSON Pointer."""
    if isinstance(value, dict):
        return [(escape(key), part) for key, part in value.items()]
    return [(str(place), part) for place, part in enumerate(value)] if isinstance(value, list) else []


def replaced(value: Any, parts: Collection[str], at: str = "") -> Any:
    """A value with REMOVED in the place of the parts at these pointers."""
    if at in parts:
        return REMOVED
    inner: Callable[[tuple[str, Any]], Any] = lambda one: replaced(one[1], parts, f"{at}/{one[0]}")  # noqa: E731
    if isinstance(value, dict):
        return dict(zip(value, map(inner, children(value)), strict=True))
    return list(map(inner, children(value))) if isinstance(value, list) else value


def _parts(value: Any, wanted: frozenset[str], at: str = "") -> Iterator[tuple[str, Any]]:
    """The outermost of the wanted parts that there are."""
    if at in wanted:
        yield at, value
        return
    for step, part in children(value):
        yield from _parts(part, wanted, f"{at}/{step}")


def _within(at: str, outer: Collection[str]) -> bool:
    """Whether a pointer, or one around it, is among others."""
    return at in outer or any(at[:place] in outer for place, sign in enumerate(at) if sign == "/")
