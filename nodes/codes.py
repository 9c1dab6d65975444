"""The code of functions, as text that comments, spacing and docstrings do not change."""

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

_DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def foreign(module: str) -> bool:
    """Whether a module is a library's (or treadle's): its functions are told apart by name, not by their code."""
    if module == "treadle" or (module.startswith("treadle.") and not module.startswith("treadle.examples")):
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return module in sys.builtin_module_names or module in sys.stdlib_module_names
    return module.partition(".")[0] in sys.stdlib_module_names or "site-packages" in Path(file).parts


def source(function: Callable[..., Any]) -> str:
    """Return a function's code without comments, docstrings and spacing; of its bytes where no source is at hand."""
    return _source(function.__code__)


@lru_cache(maxsize=4096)  # a graph is compiled more often than it is written: once a run, in many a server
def _source(code: CodeType) -> str:
    try:
        lines, _ = inspect.findsource(code)
        found = _found(_tree("".join(lines)), code)
    except (OSError, TypeError, SyntaxError, IndexError):
        found = None
    if found is None:
        return hashlib.sha256(code.co_code + repr((code.co_names, _constants(code))).encode()).hexdigest()
    return _bare(found)


@lru_cache(maxsize=256)
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _found(tree: ast.Module, code: CodeType) -> ast.AST | None:
    """The definition that a code object was compiled from: the one on its line that all its positions lie in."""
    spots = [(line, column) for line, _, column, _ in code.co_positions() if line and column is not None]
    named = [node for node in ast.walk(tree) if isinstance(node, _DEFINED) and _name(node) == code.co_name]
    near = [node for node in named if _first(node) == code.co_firstlineno]
    holding = [node for node in near if all(_holds(node, spot) for spot in spots if spot[1] or spot[0] > _first(node))]
    return min(holding or near, key=_size, default=None)


def _name(node: Any) -> str:
    return getattr(node, "name", "<lambda>")


def _first(node: Any) -> Any:
    """The line a code object is said to begin at: that of the first decorator, where there is one."""
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])


def _holds(node: Any, spot: tuple[int, int]) -> bool:
    return (_first(node), 0 if node.lineno != spot[0] else node.col_offset) <= spot <= (
        node.end_lineno, node.end_col_offset,
    )  # fmt: skip


def _size(node: Any) -> tuple[int, int]:
    return node.end_lineno - node.lineno, node.end_col_offset - node.col_offset


def _bare(node: ast.AST) -> str:
    """A definition as text, without docstrings."""
    whole = ast.parse(ast.unparse(node))
    for inner in ast.walk(whole):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(inner):
            inner.body = inner.body[1:] or [ast.Pass()]
    return ast.unparse(whole)


def _constants(code: CodeType) -> Iterator[Any] | list[Any]:
    return [one.co_code if isinstance(one, CodeType) else one for one in code.co_consts]
