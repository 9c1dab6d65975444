"""Kinds of values: whether what one step writes can be what another one takes."""

import collections.abc
import re
import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from typing_extensions import is_typeddict

_WRAPS = (Annotated, NotRequired, Required)
_LISTS = (list, tuple, set, frozenset, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection)


def fits(written: Any, taken: Any) -> bool:
    """Return False only where no value of one type can be one of the other; what cannot be told is let through.

    A pydantic model or dataclass that a prompt declares is plain data in the state: a dict fits it, both ways.

    >>> fits(str, int), fits(list[str], list[int]), fits(int, float), fits(str | None, str), fits(Any, int)
    (False, False, True, True, True)
    """
    written, taken = bare(written), bare(taken)
    if _open(written) or _open(taken) or written == taken:
        return True
    left, right = members(written), members(taken)
    if len(left) > 1 or len(right) > 1:
        return any(fits(one, other) for one in left for other in right)
    if get_origin(written) is Literal or get_origin(taken) is Literal:
        return _literals(written, taken)
    return _classes(written, taken) and _inside(written, taken)


def spoken(kind: Any) -> str:
    """Return a type as a message names it."""
    if isinstance(kind, type) and not get_args(kind):
        return kind.__name__
    return re.sub(r"\b(?:typing|collections\.abc|__main__)\.", "", str(kind))


def bare(kind: Any) -> Any:
    """Return a type without what is only said about it."""
    while get_origin(kind) in _WRAPS:
        kind = get_args(kind)[0]
    return type(None) if kind is None else kind


def _open(kind: Any) -> bool:
    """Whether a type says nothing that can be told."""
    known = isinstance(kind, type) or get_origin(kind) is not None
    return kind is Any or kind is object or isinstance(kind, TypeVar | str) or not known


def members(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the type."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _literals(written: Any, taken: Any) -> bool:
    left, right = _labels(written), _labels(taken)
    if left is not None and right is not None:
        return bool(set(map(repr, left)) & set(map(repr, right)))
    labels, other = (left, taken) if left is not None else (right, written)
    return any(fits(type(label), other) for label in labels or ())


def _labels(kind: Any) -> tuple[Any, ...] | None:
    return get_args(kind) if get_origin(kind) is Literal else None


def _classes(written: Any, taken: Any) -> bool:
    """Whether the classes of two types can meet: one of them is the other's, or both are objects of plain data."""
    left, right = _class(written), _class(taken)
    if {left, right} <= {int, float} or (left is dict and right is dict):
        return True
    if left in _LISTS and right in _LISTS:
        return True
    try:
        return issubclass(left, right) or issubclass(right, left)
    except TypeError:
        return True


def _class(kind: Any) -> Any:
    found = get_origin(kind) or kind
    if is_typeddict(found) or is_dataclass(found) or (isinstance(found, type) and issubclass(found, BaseModel)):
        return dict
    return found


def _inside(written: Any, taken: Any) -> bool:
    """Whether what two containers hold can be the same."""
    left, right = fields(written), fields(taken)
    if left is not None and right is not None:
        return all(fits(left[key], right[key]) for key in left.keys() & right.keys())
    one, other = element(written), element(taken)
    return one is None or other is None or fits(one, other)


def fields(kind: Any) -> Mapping[str, Any] | None:
    """Return the parts that an object of a type has, by name, or None where it is no object of known parts."""
    found = get_origin(kind) or kind
    if _class(kind) is not dict or found is dict:
        return None
    try:
        return get_type_hints(found, include_extras=True)
    except (NameError, TypeError):
        return None


def element(kind: Any) -> Any:
    """Return what a list holds, or the values of a mapping; None where that is not said."""
    arguments: Sequence[Any] = get_args(kind)
    found = get_origin(kind)
    if found in _LISTS and arguments and (found is not tuple or arguments[1:] == (...,)):
        return arguments[0]
    if found in (dict, collections.abc.Mapping) and len(arguments) == 2:
        return arguments[1]
    return None
