"""Fingerprints: what of a step makes it another one when it changes, as plain data, and the digest of that."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, get_origin

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable
from pydantic import BaseModel, TypeAdapter
from typing_extensions import is_typeddict

from treadle.digests import digest
from treadle.nodes.codes import foreign, source

DEEP = 100
"""How far values inside values are followed."""

Inner = Callable[[Any], Any | None]
"""Says what a value holds that this room does not know, such as a graph; None for what it does not know either."""


def fingerprint(value: Any) -> str:
    """Return 16 hex digits that change when a step's prompts, schemas, model, parameters or code do.

    Comments, spacing and docstrings of its functions change nothing, nor does where it lies.

    >>> fingerprint(lambda x: x + 1) == fingerprint(lambda x: (x + 1))  # the same code
    True
    """
    return digest(described(value))[:16]


def described(value: Any, *, inner: Inner | None = None) -> Any:
    """Return what a fingerprint is made of, as plain data: two versions can be compared by it."""
    return _Describer(inner or (lambda _: None)).tell(value)


@dataclasses.dataclass
class _Describer:
    """Describes values, each function and graph once on the way down."""

    inner: Inner
    above: tuple[int, ...] = ()

    def tell(self, value: Any) -> Any:
        """Describe one value."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if id(value) in self.above or len(self.above) > DEEP:
            return f"<{type(value).__name__} again>"
        below = _Describer(self.inner, (*self.above, id(value)))
        found = self.inner(value)
        return below._tell(value) if found is None else below.tell(found)

    def _tell(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): self.tell(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.tell(one) for one in value]
        if isinstance(value, set | frozenset):
            return sorted((self.tell(one) for one in value), key=repr)
        if isinstance(value, re.Pattern):
            return {"pattern": value.pattern, "flags": value.flags}
        if isinstance(value, BaseChatModel):
            return self._model(value)
        if isinstance(value, type) or get_origin(value) is not None:
            return _type(value)
        if isinstance(value, partial):
            return {"function": self.tell(value.func), "given": self.tell([value.args, value.keywords])}
        if isinstance(value, MethodType):
            return {"method": self.tell(value.__func__), "of": self.tell(value.__self__)}
        if isinstance(value, FunctionType):
            return self._function(value)
        return self._object(value)

    def _model(self, chat: BaseChatModel) -> dict[str, Any]:
        """A chat model by its class and the parameters that were set; never a secret, a client or an address."""
        fields = type(chat).model_fields
        names = [name for name in sorted(chat.model_fields_set) if name in fields and not fields[name].exclude]
        told = {name: self.tell(one) for name in names if _tellable(one := getattr(chat, name, None))}
        return {"model": _kind(type(chat)), **told}

    def _function(self, function: FunctionType) -> Any:
        """A function of the user's by its code, its defaults, and what it reaches: closures, constants, functions."""
        name = function.__qualname__
        held = {key: value for key, value in _reached(function).items() if _tellable(value)}
        if foreign(function.__module__ or ""):
            closed = inspect.getclosurevars(function).nonlocals
            return {"name": name, "with": self.tell(closed)} if closed else name
        told = {"code": source(function), "defaults": self.tell([function.__defaults__, function.__kwdefaults__])}
        return {**told, **({"with": self.tell(held)} if held else {})}

    def _object(self, value: Any) -> Any:
        name = _kind(type(value))
        if dataclasses.is_dataclass(value):
            return {"kind": name, **{key: self.tell(one) for key, one in _fields(value).items()}}
        if isinstance(value, BaseModel):
            return {"kind": name, **{key: self.tell(getattr(value, key)) for key in sorted(value.model_fields_set)}}
        if isinstance(value, Runnable):
            return {"kind": name, **{key: self.tell(one) for key, one in _parts(value).items()}}
        call = type(value).__dict__.get("__call__")
        code = self.tell(call) if isinstance(call, FunctionType) else None
        plain = {key: one for key, one in sorted(getattr(value, "__dict__", {}).items()) if _tellable(one)}
        return {"kind": name, **({"code": code} if code else {}), **({"with": self.tell(plain)} if plain else {})}


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass's fields that differ from their defaults, so that a new one with a default changes nothing."""
    found = {}
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if field.compare and (default is dataclasses.MISSING or (given is not default and given != default)):
            found[field.name] = given
    return found


def _kind(kind: type) -> str:
    """The name of a class; without its module where a library may move it."""
    return kind.__qualname__ if foreign(kind.__module__) else f"{kind.__module__}.{kind.__qualname__}"


_PARTS = ("func", "afunc", "steps", "first", "middle", "last", "bound", "kwargs", "runnable", "fallbacks")


def _parts(runnable: Any) -> dict[str, Any]:
    """What a Runnable of LangChain's or LangGraph's is made of, by its public attributes."""
    found = {key: value for key in _PARTS if (value := getattr(runnable, key, None))}
    if "func" in found:
        found.pop("afunc", None)  # the same in the other world
    return found


def _reached(function: FunctionType) -> dict[str, Any]:
    """The closure of a function, and those of its module's names that it uses.

    A list, set or dict counts if its name says that it is a constant: any other may hold what a run has gathered.
    """
    try:
        reached = inspect.getclosurevars(function)
    except (TypeError, ValueError):
        return {}
    found = {**reached.globals, **reached.nonlocals}
    return {key: value for key, value in found.items() if key.isupper() or not isinstance(value, list | set | dict)}


def _tellable(value: Any) -> bool:
    """Whether a value that a function reaches says what it does: a constant, a step, or a function of the user's."""
    if isinstance(value, FunctionType):
        return not foreign(value.__module__ or "")
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_tellable, value))
    if isinstance(value, Mapping):
        return all(map(_tellable, value.values()))
    return value is None or isinstance(value, bool | int | float | str | re.Pattern | partial | Runnable)


def _type(kind: Any) -> Any:
    """A type by its JSON Schema if it describes data, else by its name."""
    data = get_origin(kind) is not None or is_typeddict(kind) or dataclasses.is_dataclass(kind)
    if data or (isinstance(kind, type) and issubclass(kind, BaseModel)):
        try:
            return TypeAdapter(kind).json_schema()  # pyright: ignore
        except Exception:  # pydantic has many words for a type that it cannot describe; its name tells it apart
            return repr(kind)
    return f"{kind.__module__}.{kind.__qualname__}"  # pyright: ignore
