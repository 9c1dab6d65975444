"""Demands: what a step needs of a key beyond its type, such as the parts that a template names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel

from treadle.graphs.kinds import bare, element, fields, members, spoken
from treadle.nodes.parts import Parts


@dataclass(frozen=True)
class Labels:
    """Marks a key's type: its value must be one of these labels."""

    known: tuple[Any, ...]


def unmet(written: Any, taken: Any) -> str | None:
    """Return in words what a written type lacks that a taken one demands, or None; what cannot be told passes.

    >>> unmet(int, Annotated[Any, Parts(("clause.text",))])
    "fills {clause.text}, and int has no 'text'"
    """
    for mark in marks(taken):
        told = _misses(written, mark) if isinstance(mark, Parts) else _unlabelled(written, mark)
        if told is not None:
            return told
    inner = element(taken)
    return None if inner is None else _inside(written, inner)


def marks(kind: Any) -> Sequence[Parts | Labels]:
    """Return the demands that a type is marked with."""
    found = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return [mark for mark in found if isinstance(mark, Parts | Labels)]


def both(one: Any, other: Any) -> Any:
    """Return the type that says what two say of one key: demands add up, and a type stands over them and over `Any`."""
    if marks(one) and marks(other):
        return Annotated[(Any, *dict.fromkeys([*marks(one), *marks(other)]))]
    return other if one in (None, Any) or (marks(one) and other is not Any) else one


def _inside(written: Any, inner: Any) -> str | None:
    held = element(written)
    return None if held is None else unmet(held, inner)


def _misses(written: Any, mark: Parts) -> str | None:
    for field in mark.fields:
        lack = _lack(written, field.split(".")[1:])
        if lack is not None:
            at, name = lack
            near = get_close_matches(name, fields(at) or (), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"fills {{{field}}}, and {spoken(at)} has no {name!r}{hint}"
    return None


def _lack(kind: Any, names: Sequence[str]) -> tuple[Any, str] | None:
    """The type on a path that has no part of the next name, with that name; None where one of a union has them all."""
    several = [bare(one) for one in members(bare(kind)) if one is not type(None)]
    found = [_step(one, names) for one in several] if names else []
    return None if None in found else next(iter(found), None)


def _step(kind: Any, names: Sequence[str]) -> tuple[Any, str] | None:
    known = fields(kind)
    if known is not None and names[0] in known:
        return _lack(known[names[0]], names[1:])
    if known is not None:
        return None if _grows(kind) else (kind, names[0])
    if get_origin(kind) in (dict, Mapping):
        return _lack(element(kind), names[1:])
    return (kind, names[0]) if (get_origin(kind) or kind) in _WHOLE else None


def _grows(kind: Any) -> bool:
    """Whether an object of a type may have parts that the type does not declare as fields."""
    model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return model and (kind.model_config.get("extra") == "allow" or bool(kind.model_computed_fields))


_WHOLE = (str, int, float, bool, bytes, list, tuple, set, frozenset, Literal)
"""What has no parts with names."""


def _unlabelled(written: Any, mark: Labels) -> str | None:
    labels = get_args(bare(written)) if get_origin(bare(written)) is Literal else ()
    missing = [label for label in labels if label not in mark.known]
    return f"has no target for the label {missing[0]!r}; add one, or give default=step" if missing else None
