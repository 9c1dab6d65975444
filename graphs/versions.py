"""`Versions`: several versions of one graph, of which new runs take one by weight and old runs keep their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from treadle.checkpoints import versions as store
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import VersionNotFound
from treadle.graphs.structures import Compiled, Graph, compiled, fingerprint, structure


@dataclass(frozen=True)
class Versions:
    """The versions of a graph that this process can run, by name, the newest last; `start` and `resume` take them.

    ``langgraph.json`` may name them in place of a graph; then workers take every run on with its own version. Without
    weights (`treadle.checkpoints.versions.split`) new runs take the newest.
    """

    graph: str
    """What the ledger calls the graph."""
    known: Mapping[str, Graph]

    @property
    def newest(self) -> Graph:
        """The version that was named last."""
        return self.known[list(self.known)[-1]]

    def register(self, saver: SqliteSaver) -> dict[str, str]:
        """Put the versions on record under their names; returns their names by fingerprint."""
        names = {}
        for name, graph in self.known.items():
            version = fingerprint(graph)
            saver.register(self.graph, version, structure(graph))
            if store.version(saver, self.graph, version).name != name:
                store.name(saver, self.graph, version, name)
            names[version] = name
        return names

    def chosen(self, saver: SqliteSaver, thread_id: str) -> Graph:
        """The version that a new run takes: by weight, always the same for one thread."""
        names = self.register(saver)
        weights = store.weights(saver, self.graph)
        if not weights:
            return self.newest
        return self._named(names, store.pick(weights, thread_id))

    def own(self, saver: SqliteSaver, thread_id: str) -> Graph:
        """The version that a run began with; the newest where that is not known."""
        names = self.register(saver)
        version = run(saver, thread_id).fingerprint or ""
        return self.known[names[version]] if version in names else self.newest

    def served(self, saver: SqliteSaver, thread_id: str) -> Compiled:
        """The version that a run began with, compiled for it to go on."""
        return compiled(self.own(saver, thread_id), saver, name=self.graph)

    def _named(self, names: Mapping[str, str], version: str) -> Graph:
        if version not in names:
            raise VersionNotFound(
                f"New runs of {self.graph!r} take version {version}, which is not among those given here: "
                f"{', '.join(self.known)}. Give it, or choose others: split(saver, {self.graph!r}, {{...}})."
            )
        return self.known[names[version]]
