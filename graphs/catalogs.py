"""Which graphs there are: those that ``langgraph.json`` names, and the shipped example."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from treadle.errors import GraphNotFound
from treadle.graphs.entries import Entry, entries
from treadle.graphs.imports import Loaded, loaded
from treadle.graphs.structures import Compiled, compiled
from treadle.graphs.versions import Versions

FILE = "langgraph.json"

VARIABLE = "TREADLE_GRAPHS"
"""The environment variable that says where the file is, if it is not in the current folder."""

SHIPPED = Entry("contract_review", "treadle.examples.contract_review:graph", "The example that treadle demo runs.")

EXAMPLE = """\
{
  "graphs": {"my_graph": "./my_graph.py:graph"}
}"""


@dataclass(frozen=True)
class Catalog:
    """The graphs by name, each imported when it is first asked for."""

    path: Path | None
    """The file that names them; None if there is none, when only the shipped example is known."""
    entries: Mapping[str, Entry]
    kept: dict[str, Loaded | Versions] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all graphs, in the order of the file; the shipped example is last."""
        return tuple(self.entries)

    def description(self, name: str) -> str:
        """What the file says of a graph, or ""."""
        return self._entry(name).description

    def graph(self, name: str) -> Loaded:
        """A graph as its author wrote it, of several versions the newest.

        Raises GraphNotFound if it is unknown or cannot be imported.
        """
        found = self.known(name)
        return found.newest if isinstance(found, Versions) else found

    def known(self, name: str) -> Loaded | Versions:
        """A graph as its author wrote it, or its versions where these are named: what `start` and `resume` take."""
        entry = self._entry(name)
        if name not in self.kept:
            self.kept[name] = loaded(entry)
        return self.kept[name]

    def served(self, name: str, saver: BaseCheckpointSaver[Any]) -> Compiled | Versions:
        """A graph for a worker, compiled, or its versions, of which every run has its own."""
        found = self.known(name)
        return found if isinstance(found, Versions) else self.compiled(name, saver)

    def compiled(self, name: str, saver: BaseCheckpointSaver[Any] | None) -> Compiled:
        """A graph that keeps its state with `saver`: compiled with it, or a copy of the author's own compiled graph.

        A copy differs in nothing else: name, store, cache, interrupts and configuration stay what the author chose.
        """
        return compiled(self.graph(name), saver, name=name)

    def _entry(self, name: str) -> Entry:
        if name in self.entries:
            return self.entries[name]
        close = get_close_matches(name, self.entries, n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(self.names)}."
        if self.path:
            raise GraphNotFound(f"No graph is called {name!r} in {self.path}.{hint}")
        raise GraphNotFound(
            f"No graph is called {name!r}.{hint} Graphs of your own are named in {FILE}, which is not in {Path.cwd()}; "
            f"write there:\n{EXAMPLE}"
        )


def catalog(path: str | os.PathLike[str] | None = None) -> Catalog:
    """The graphs that a ``langgraph.json`` names, and the shipped example unless the file has that name itself.

    `path` is the file or its folder; else $TREADLE_GRAPHS is; else the current folder, where the file may be missing.
    Raises GraphNotFound if a file that was named is missing, or the file cannot be used. Nothing is imported yet.
    """
    named = path or os.environ.get(VARIABLE)
    file = Path(named or FILE).expanduser()
    file = file / FILE if file.is_dir() else file
    if not file.exists():
        if named:
            raise GraphNotFound(f"There is no {file}. Write it, for example:\n{EXAMPLE}")
        return Catalog(None, {SHIPPED.name: SHIPPED})
    own = entries(file.absolute())
    return Catalog(file.absolute(), {**own, SHIPPED.name: own.get(SHIPPED.name, SHIPPED)})
