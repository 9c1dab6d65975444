"""The items of a fan-out, looked at before anything runs: can they be stored, what they are called, which are equal."""

import logging
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from treadle.errors import InputInvalid
from treadle.nodes.estimates import characters
from treadle.nodes.records import serializer
from treadle.nodes.steps import State, lookup

Naming = str | Callable[[Any], object]
"""What an item is called: the name of one of its fields, or a function of the item."""

LARGE = 20_000
"""Characters from which a value that every branch carries is worth a warning."""

SOME = 1000
"""Items that are looked at together."""

_log = logging.getLogger(__name__)


def listed(state: State, over: str, fan: str) -> Sequence[Any]:
    """Return the list of items that the state has under a key.

    Raises:
        InputInvalid: when it is none.
    """
    items = lookup(state, over, step=fan)
    if isinstance(items, list | tuple):
        return items
    hint = "; make one of it with list(...)" if isinstance(items, Iterable) and not isinstance(items, str) else ""
    hint = "; give over= a function that makes it, and items are taken as they are needed" if _once(items) else hint
    raise InputInvalid(f"{fan!r} fans out over {over!r}, which must be a list and is {type(items).__name__}{hint}")


@dataclass
class Names:
    """What the items of a fan-out are called, in the order in which they come; 16 bytes are kept of each name."""

    naming: Naming
    fan: str
    places: dict[bytes, int] = field(default_factory=dict)

    def add(self, items: Iterable[Any]) -> list[str]:
        """Return what the next items are called.

        Raises:
            InputInvalid: for an item without a name, or two with one.
        """
        names = []
        for index, item in enumerate(items, len(self.places)):
            name = _name(item, index, self.naming, self.fan)
            first = self.places.setdefault(_short(name), index)
            if first != index:
                raise InputInvalid(
                    f"{self.fan!r}: items {first} and {index} are both called {name!r}; key= must tell items apart"
                )
            names.append(name)
        return names


def storable(items: Sequence[Any], config: RunnableConfig, fan: str) -> None:
    """See that a run's checkpointer, if it has one, can store the items.

    Raises:
        InputInvalid: naming the first one that cannot be stored.
    """
    serde = serializer(config)
    if serde is None or all(type(item) is str for item in items):
        return
    if found := _first_fault(serde.dumps_typed, items):
        raise InputInvalid(
            f"{fan!r}: {found[0]} cannot be stored, and a checkpointer stores the state: {found[1]}. Give plain data, "
            "or a name by which the worker finds the thing itself"
        )


def sendable(items: Sequence[Any], fan: str) -> None:
    """See that items can go to other processes.

    Raises:
        InputInvalid: naming the first one that cannot.
    """
    if found := _first_fault(pickle.dumps, items):
        raise InputInvalid(f"{fan!r}: {found[0]} cannot go to another process: {found[1]}. Give plain data")


def alike(items: Mapping[int, Any]) -> dict[int, list[int]]:
    """Return the places of the items by the first of those that are equal, types included."""
    groups: dict[bytes, list[int]] = {}
    for index, item in items.items():
        groups.setdefault(sha256(_spelt(item, index).encode("utf-8", "surrogatepass")).digest(), []).append(index)
    return {same[0]: same for same in groups.values()}


def point_at_ballast(context: Mapping[str, Any], items: Sequence[Any], fan: str) -> None:
    """Point at what every branch carries along: for a model that is the classic waste."""
    if len(items) < 2:
        return
    for key, value in {**context, **_shared(items)}.items():
        if (size := characters(value)) >= LARGE:
            _log.warning(
                "Fan-out %r: each of %d branches carries the same %r, %d characters long: about %d tokens in all. Give "
                "each branch the part that it needs.", fan, len(items), key, size, len(items) * size // 4,
            )  # fmt: skip


def _short(name: str) -> bytes:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _once(items: Any) -> bool:
    return hasattr(items, "__next__") or hasattr(items, "__anext__")


def _name(item: Any, index: int, naming: Naming, fan: str) -> str:
    if callable(naming):
        try:
            return str(naming(item))
        except Exception as error:
            raise InputInvalid(
                f"{fan!r}: item {index} has no name, since key= raised {type(error).__name__}: {error}"
            ) from error
    if not isinstance(item, Mapping) or item.get(naming) is None:
        raise InputInvalid(f"{fan!r}: item {index} has no {naming!r} to be called by (key={naming!r})")
    return str(item[naming])


def _first_fault(dump: Callable[[Any], object], items: Sequence[Any]) -> tuple[str, str] | None:
    """The first item that cannot be turned into bytes, and what is said against it; many are tried at a time."""
    for first in range(0, len(items), SOME):
        some = list(items[first : first + SOME])
        if _fault(dump, some) is None:
            continue
        for index, item in enumerate(some, first):
            if fault := _fault(dump, item):
                return f"item {index} ({type(item).__name__})", fault
    return None


def _fault(dump: Callable[[Any], object], value: Any) -> str | None:
    try:
        dump(value)
    except Exception as error:
        return str(error) or type(error).__name__
    return None


def _spelt(value: Any, index: int) -> str:
    """A value spelt out, equally for equal values; what cannot be spelt out is equal to nothing else."""
    if value is None or type(value) in (str, bytes, int, float, bool):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{_spelt(k, index)}: {_spelt(v, index)}' for k, v in value.items()))}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_spelt(part, index) for part in value)}]"
    if isinstance(value, BaseModel):
        return f"{type(value).__qualname__} {_spelt(value.__dict__, index)}"
    try:
        return pickle.dumps(value).hex()
    except Exception:
        return f"item {index}"


def _shared(items: Sequence[Any]) -> dict[str, Any]:
    """What items that are objects all hold under one key, the very same value."""
    first = items[0]
    if not isinstance(first, Mapping):
        return {}
    return {
        key: value
        for key, value in first.items()
        if characters(value, most=LARGE) >= LARGE
        and all(isinstance(item, Mapping) and item.get(key) == value for item in items[1:])
    }
