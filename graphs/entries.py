"""The entries of a ``langgraph.json``: names, and where their graphs are."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.errors import GraphNotFound


@dataclass(frozen=True)
class Entry:
    """One name and what it stands for."""

    name: str
    spec: str
    """``./file.py:attribute`` (from the folder of `file`), or ``package.module:attribute``."""
    description: str = ""
    file: Path | None = None
    """The ``langgraph.json`` that has it."""
    folders: tuple[str, ...] = ()
    """What it wants on ``sys.path``: the folders among the file's "dependencies"."""

    @property
    def where(self) -> str:
        """How a message names it."""
        return f"graph {self.name!r} ({self.spec}{f' in {self.file}' if self.file else ''})"


def entries(file: Path) -> Mapping[str, Entry]:
    """The entries of a ``langgraph.json``, by name; raises GraphNotFound, in words, if it is not one."""
    content = _read(file)
    graphs = content.get("graphs")
    if not isinstance(graphs, dict):
        raise GraphNotFound(
            f'{file} must have "graphs", an object of names and places: {{"graphs": {{"a": "./a.py:graph"}}}}'
        )
    folders = tuple(_folders(file, content.get("dependencies", ["."])))
    return {name: _entry(file, name, value, folders) for name, value in graphs.items()}


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise GraphNotFound(f"{file} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise GraphNotFound(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise GraphNotFound(f'{file} must be a JSON object with "graphs", not {type(content).__name__}.')
    return content


def _folders(file: Path, dependencies: object) -> Iterator[str]:
    """The folders; names of packages are for whoever installs the application."""
    if not isinstance(dependencies, list) or not all(isinstance(each, str) for each in dependencies):
        raise GraphNotFound(f'"dependencies" in {file} must be a list of texts, such as ["."].')
    for each in dependencies:
        if each.startswith((".", "/")) and (folder := (file.parent / each).resolve()).is_dir():
            yield str(folder)


def _entry(file: Path, name: str, value: object, folders: tuple[str, ...]) -> Entry:
    given = value if isinstance(value, dict) else {"path": value}
    spec, description = given.get("path"), given.get("description") or ""
    if not isinstance(spec, str) or not all(spec.rpartition(":")[::2]):
        raise GraphNotFound(f"Graph {name!r} in {file} must be a text like './file.py:graph', not {json.dumps(value)}.")
    if re.search(r"\.[mc]?[jt]sx?$", spec.rpartition(":")[0]):
        raise GraphNotFound(f"Graph {name!r} in {file} is written in JavaScript ({spec}); treadle runs Python.")
    return Entry(name, spec, str(description), file, folders)
