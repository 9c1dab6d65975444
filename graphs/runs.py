"""Starting a run of a graph and taking it on, each by the version of the graph that is its own."""

import uuid
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.checkpoints.runs import Run
from treadle.checkpoints.savers import SqliteSaver
from treadle.checkpoints.versions import allow
from treadle.checkpoints.workers import advance
from treadle.graphs.structures import Graph, compiled, fingerprint
from treadle.graphs.versions import Versions

__all__ = ["Graph", "compiled", "fingerprint", "resume", "start"]


def start(
    graph: Graph | Versions,
    input: Any,  # noqa: A002
    *,
    saver: SqliteSaver,
    name: str,
    thread_id: str | None = None,
    config: RunnableConfig | None = None,
) -> Run:
    """Start a run and take it as far as it goes without a person; return where it is then.

    `name` is what `langgraph.json` calls the graph, so that a worker can take the run on. Without `thread_id` a new one
    is made. Of several `Versions` the run takes the one that its thread id falls to. The plain
    values of ``config["configurable"]``, such as ``{"model": "rules"}``, are kept with the run.

    Raises:
        LeaseHeld: another process is advancing the run. What the graph itself raises is in the run's `error`.
        RunOpen: the thread has a run that waits or was cut short; nothing was changed.
    """
    thread = thread_id or f"{name}-{uuid.uuid4().hex[:8]}"
    chosen = graph.chosen(saver, thread) if isinstance(graph, Versions) else graph
    return advance(saver, compiled(chosen, saver, name=name), thread, input=input, config=config, name=name)


def resume(
    graph: Graph | Versions,
    thread_id: str,
    *,
    saver: SqliteSaver,
    config: RunnableConfig | None = None,
    compatible: bool = False,
) -> Run:
    """Take a run on with every answer that is recorded, or from where it stopped; return where it is then.

    Of several `Versions` it is the run's own. `compatible` declares, for this run's version and the graph's, once and
    for all, that a run of the one can go on with the other.

    Raises:
        VersionChanged: the graph is another one than when the run paused; the message has the difference.
        LeaseHeld: another process is advancing the run.
        RunNotFound: no run has this thread id, or it ended before its input was stored.
    """
    made = compiled(graph.own(saver, thread_id) if isinstance(graph, Versions) else graph, saver)
    if compatible:
        allow(saver, thread_id, fingerprint(made))
    return advance(saver, made, thread_id, config=config)
