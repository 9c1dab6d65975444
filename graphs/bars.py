"""Bars on the terminal: how far every fan-out of this process is."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from treadle.graphs.scatters.paces import News, listening, words

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[words]}"))


@contextmanager
def bars(console: Console | None = None) -> Generator[None]:
    """Show a bar for each fan-out that runs meanwhile; nothing where the console (default: stderr) is no terminal.

    Runs of one fan-out, as in the branches of another, share a bar.
    """
    shown = console or Console(stderr=True)
    if not shown.is_terminal:
        yield
        return
    progress = Progress(*COLUMNS, TimeElapsedColumn(), console=shown, transient=True)
    with progress, listening(_Bars(progress).hear):
        yield


@dataclass
class _Bars:
    """The bars by name, each with the newest news of its runs."""

    progress: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)
    runs: dict[str, dict[str, News]] = field(default_factory=dict)

    def hear(self, news: News) -> None:
        name = news["name"]
        runs = self.runs.setdefault(name, {})
        runs[news["place"]] = news
        if name not in self.tasks:
            self.tasks[name] = self.progress.add_task(name, total=None, words="")
        ended = sum(run["done"] + run["failed"] + run["cancelled"] for run in runs.values())
        total = sum(run["total"] for run in runs.values())
        self.progress.update(self.tasks[name], completed=ended, total=total, words=words(list(runs.values())))
