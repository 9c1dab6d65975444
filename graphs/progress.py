"""How far a run has come, node by node, read from its checkpoints alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from langgraph.checkpoint.base import BaseCheckpointSaver

from treadle.graphs.statuses import Progress
from treadle.graphs.supersteps import HIDDEN, Superstep, asked, ran, superstep


def progress(saver: BaseCheckpointSaver[Any], thread_id: str) -> Mapping[str, Progress]:
    """Counts by node path, for any graph and any saver; what was never come to is missing.

    A path is the names from the outermost graph inwards, joined with ``|`` (``findings|branch|finding``), as in
    `treadle.graphs.drawings.pictures`. A node that holds a subgraph counts its own tasks, one a branch. "" is the run
    itself: done, waiting, running or failed, once; an unknown thread has no entry at all. "running" means due: begun,
    or left by a process that ended, or held by ``interrupt_before``.

    Every checkpoint of the thread is read once by `saver.list`, and the keys of its journal, if there is one. What a
    finished task is called is not stored: where different steps that are no subgraphs run side by side, they count as
    running until all have ended, and a failure among them shows at what holds them.
    """
    steps = _Steps(superstep(saved) for saved in saver.list({"configurable": {"thread_id": thread_id}}))
    counts: dict[str, Progress] = defaultdict(Progress)
    for namespace, newest in steps.newest.items():
        inside = [_path(namespace)] if namespace else []
        for name, times in _done(steps, newest).items():
            if name.startswith(HIDDEN):
                continue
            counts["|".join([*inside, name])] += Progress(done=times)
        if steps.open(newest):
            for name, word in _under_way(steps, newest):
                counts["|".join([*inside, name])] += Progress(**{word: 1})
    for name, times in _remembered(saver, thread_id).items():
        counts[name] = replace(counts[name], done=max(counts[name].done, times))
    if "" in steps.newest:
        counts[""] = _whole(steps.newest[""])
    return dict(counts)


def _remembered(saver: BaseCheckpointSaver[Any], thread_id: str) -> Counter[str]:
    """Branches of fan-outs that a journal holds, by node: those of simple workers have no checkpoints of their own."""
    keys = saver.kept(thread_id) if isinstance(saver, _Keeper) else ()
    parts = (key.rsplit("/", 2) for key in keys)
    return Counter(f"{_path(part[0])}|{part[2]}".lstrip("|") for part in parts if len(part) == 3)


@runtime_checkable
class _Keeper(Protocol):
    def kept(self, thread_id: str) -> Iterable[str]: ...


class _Steps:
    """The supersteps of a thread, as the checkpoints come: the newest of a namespace first."""

    def __init__(self, found: Iterable[Superstep]):
        self.all: dict[tuple[str, str], Superstep] = {}
        self.newest: dict[str, Superstep] = {}
        self.names: dict[str, str] = {}  # of tasks that called a subgraph, by task id
        for step in found:
            self.all[step.namespace, step.id] = step
            held = self.newest.setdefault(step.namespace, step)
            if held.id < step.id:
                self.newest[step.namespace] = step
            name, _, task = step.namespace.rpartition("|")[2].partition(":")
            self.names[task] = name

    def open(self, step: Superstep) -> bool:
        """Whether the task still runs from which a subgraph was called (and that task's own caller, and so on)."""
        return all(outer in self.newest and self.newest[outer].id == called for outer, called in step.outer.items())


def _path(namespace: str) -> str:
    """A checkpoint's namespace without ids, and without the numbers of a second call from one node."""
    names = (part.partition(":")[0] for part in namespace.split("|") if not part.isdigit())
    return "|".join(name for name in names if not name.startswith(HIDDEN))


def _done(steps: _Steps, newest: Superstep) -> Counter[str]:
    """How often each node of one namespace ran in the supersteps that are complete; forks left aside do not count."""
    total: Counter[str] = Counter()
    step: Superstep | None = newest
    while step:
        before = steps.all.get((step.namespace, step.before or ""))
        if before or step.looped:
            total += ran(before, step)
        step = before
    return total


def _under_way(steps: _Steps, step: Superstep) -> Iterator[tuple[str, str]]:
    """The tasks of the superstep under way: their node and "done", "failed", "waiting" or "running"."""
    due = Counter({name: times for name, times in step.due.items() if not name.startswith(HIDDEN)})
    unnamed: list[str] = []
    for task, (word, asks) in step.tasks.items():
        name = steps.names.get(task) or _asking(step, task, asks, due)
        if name is None:
            unnamed.append(word)
        elif due[name]:
            due[name] -= 1
            yield name, word
    due = +due
    if len(due) == 1:  # whatever is left belongs to the one node that is left
        (name, times), *_ = due.items()
        yield from ((name, word) for word in unnamed[:times])
        due[name] -= min(times, len(unnamed))
    yield from ((name, "running") for name in due.elements())


def _asking(step: Superstep, task: str, asks: tuple[str, ...], due: Mapping[str, int]) -> str | None:
    """The node whose task would give its questions these ids."""
    if not asks or len(due) == 1:
        return None
    return next((name for name in due if asks[0] in asked(step.namespace, name, task)), None)


def _whole(newest: Superstep) -> Progress:
    words = {word for word, _ in newest.tasks.values()}
    if not newest.due:
        return Progress(done=1)
    return Progress(**{next((word for word in ("failed", "waiting") if word in words), "running"): 1})
