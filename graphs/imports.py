"""The graphs that entries lead to: modules imported once, functions called, and every failure told in one line."""

import asyncio
import importlib
import importlib.util
import inspect
import re
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from treadle.errors import GraphNotFound
from treadle.graphs.entries import Entry
from treadle.graphs.versions import Versions

Loaded = StateGraph[Any, Any, Any, Any] | Pregel[Any, Any, Any, Any]
Result = TypeVar("Result")

_IMPORTING = threading.RLock()


def loaded(entry: Entry) -> Loaded | Versions:
    """The graph that an entry leads to; a function without parameters, or of a config, is called for it.

    Raises GraphNotFound with the last line of what went wrong and where. A file is imported once in a process, under
    a module name made from its path.
    """
    place, _, attribute = entry.spec.rpartition(":")
    with _IMPORTING:
        for folder in reversed(entry.folders):
            if folder not in sys.path:
                sys.path.insert(0, folder)
        module = _said(entry, "cannot be imported", partial(_module, entry, place))
        found = module
        for part in attribute.split("."):
            if not hasattr(found, part):
                raise GraphNotFound(f"Cannot find {entry.where}: {place} has no {attribute!r}.{_graphs_in(module)}")
            found = getattr(found, part)
        return _graph(entry, found)


def _module(entry: Entry, place: str) -> ModuleType:
    if not place.endswith(".py") and not re.search(r"[/\\]", place):
        return importlib.import_module(place)
    path = ((entry.file.parent if entry.file else Path()) / place).resolve()
    name = "treadle_graphs_" + re.sub(r"\W+", "_", str(Path(place).with_suffix(""))).strip("_")
    while name in sys.modules and Path(str(sys.modules[name].__file__)) != path:
        name += "_"  # the same relative path in another application
    if name not in sys.modules:
        _execute(name, path)
    return sys.modules[name]


def _execute(name: str, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _graph(entry: Entry, found: object) -> Loaded | Versions:
    """The graph itself, or what a function makes."""
    if not isinstance(found, StateGraph | Pregel | type) and callable(found):
        found = _said(entry, "cannot be built", partial(_made, entry, found))
    if isinstance(found, StateGraph | Pregel | Versions):
        return found
    raise GraphNotFound(
        f"Cannot use {entry.where}: it is {_kind(found)}, not a graph. "
        "It must be a StateGraph, a compiled one, treadle's Versions, or a function that returns one."
    )


def _made(entry: Entry, make: Callable[..., Any]) -> Any:
    needed = [
        each
        for each in inspect.signature(make).parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    made = make({"configurable": {}}) if needed else make()
    if inspect.iscoroutine(made):
        with ThreadPoolExecutor(1) as pool:  # there may be a loop in this thread already
            made = pool.submit(asyncio.run, made).result()
    if isinstance(made, AbstractContextManager | AbstractAsyncContextManager) and not isinstance(made, Pregel):
        raise GraphNotFound(
            f"Cannot use {entry.where}: it is a context manager, which treadle does not hold open. "
            "Name a function that returns the graph."
        )
    return made


def _said(entry: Entry, what: str, do: Callable[[], Result]) -> Result:
    """What `do` returns; whatever it raises is told in one line with its place."""
    try:
        return do()
    except GraphNotFound:
        raise
    except (Exception, SystemExit) as error:
        last = traceback.format_exception_only(error)[-1].strip()
        raise GraphNotFound(f"{_capital(entry.where)} {what}: {last}{_place(error)}") from error


def _place(error: BaseException) -> str:
    """Where in somebody's code an error arose, as " (file:line)"."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__
        and not frame.filename.startswith("<")
        and f"{Path(importlib.__file__).parent}" not in frame.filename
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _graphs_in(module: ModuleType) -> str:
    names = [name for name, value in vars(module).items() if isinstance(value, StateGraph | Pregel)]
    return f" It has {', '.join(map(repr, names))}." if names else ""


def _kind(found: object) -> str:
    word = "class" if isinstance(found, type) else type(found).__name__
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
