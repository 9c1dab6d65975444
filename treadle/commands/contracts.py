"""The contract review of ``treadle demo``: which run it is, how it goes on, who decides, what comes out."""

import shlex
import time
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from treadle.causes import cause
from treadle.commands import results
from treadle.commands.desks import Desk, Quit, choice
from treadle.commands.options import DEFAULT, person, usable
from treadle.commands.pages import page
from treadle.commands.printing import many, say
from treadle.commands.reviews import waiting
from treadle.commands.watches import answered, watching
from treadle.digests import digest
from treadle.errors import LeaseHeld, ReviewClosed, RunNotFound

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.runs import Run

NAME = "contract_review"
SAMPLE = "services_agreement.md"
RULE = "approve every finding and the memo as they stand"
UNATTENDED = "the rule of --unattended"
"""Who decides by that rule, for the record."""

Manner = Literal["rule", "page", "hand", "nobody"]
"""Who decides: the rule, somebody in the page, somebody at this terminal, or nobody who is here."""


@dataclass(frozen=True)
class Contract:
    """One document under review by one model."""

    saver: "SqliteSaver"
    text: str
    clauses: int
    model: str
    thread: str
    again: str
    """The command that goes on with it."""

    def review(self, manner: Manner) -> "Run":
        """Take the review as far as it goes, and print what came out if it came to its end."""
        run = self._paged(self._advanced) if manner == "page" else self._decided(manner)
        if run.status == "done":
            self._show()
        elif run.status in ("failed", "parked"):
            say(f"The run failed: {cause(run.error)}", style="red")
            say(f"When that is put right, it goes on with: {self.again}")
        return run

    def _decided(self, manner: Manner) -> "Run":
        """Decide what waits, and advance, until nothing waits or the reviewer leaves."""
        decide = {"rule": self._by_rule, "hand": self._by_hand, "nobody": self._by_nobody}[manner]
        run = self._advanced()
        say(f"Rated {answered(self.saver, self.thread, step='finding')} of {many(self.clauses, 'clause')}.")
        while run.status in ("waiting", "decided"):
            try:
                after = decide(run)
            except Quit:
                say(f"What you decided is recorded. It goes on with: {self.again}")
                return self._load()
            if after is not None:
                return after
            run = self._advanced()
        return run

    def _by_rule(self, run: "Run") -> "Run | None":
        from treadle.checkpoints.decisions import decide

        asked = results.asked(self.saver, self.thread, open_=True)
        say(f"{waiting(len(asked))} Decided by the rule of --unattended, which nobody stands behind: {RULE}.")
        for review in asked:
            try:
                decide(
                    self.saver,
                    review.id,
                    "approve",
                    by=UNATTENDED,
                    digest=review.digest,
                    thread=self.thread,
                    client="demo",
                )
            except ReviewClosed:  # somebody else was first: their decision holds
                continue
        return None

    def _by_nobody(self, run: "Run") -> "Run | None":
        say(f"{waiting(run.pending)} Nobody can be asked here, since this is no terminal. Decide")
        say("  in the page:        treadle ui")
        say("  one by one:         treadle reviews, then treadle decide ID approve|edit|reject")
        say("  by a fixed rule:    " + f"{self.again} --unattended")
        say(f"and go on with:       {self.again}")
        return run

    def _by_hand(self, run: "Run") -> "Run | None":
        say()
        say(waiting(run.pending), style="bold")
        way = choice(("decide here", "page", "quit"))
        if way == "page":
            return self._paged(self._load)
        desk = Desk(self.saver, person(None))
        try:
            desk.clear(results.asked(self.saver, self.thread, open_=True))
        except Quit:
            say("What you decided is recorded.")
        return None

    def _paged(self, begin: "Callable[[], Run]") -> "Run":
        """Serve the page until the run ends."""
        with page(self.saver.database.path) as address:
            say(f"The page is open at {address}; Ctrl-C here closes it.")
            run = begin()
            told = -1
            while run.status in ("waiting", "decided", "running", "stalled"):
                if run.pending != told and run.status == "waiting":
                    say(waiting(run.pending))
                    told = run.pending
                time.sleep(0.5)
                run = self._taken_on(self._load())
        return run

    def _taken_on(self, run: "Run") -> "Run":
        """The run after what was decided is applied here: the page's own worker starts with its first reader."""
        if run.status not in ("decided", "stalled"):
            return run
        try:
            return self._advance()
        except LeaseHeld:  # the page's worker has it
            return run

    def _advanced(self) -> "Run":
        """The run after it was taken as far as it goes, by this process, or by another one that has it now."""
        said = False
        while True:
            try:
                with self._watched():
                    run = self._advance()
            except LeaseHeld as error:
                if not said:
                    say(f"{error} Waiting for it.")
                said = True
                time.sleep(0.3)
            else:
                return run

    def _watched(self) -> "AbstractContextManager[None]":
        words, then = "rating clauses", "joining what was decided, writing the memo"
        return watching(self.saver, self.thread, step="finding", words=words, total=self.clauses, then=then)

    def _advance(self) -> "Run":
        from treadle.examples.contract_review import graph
        from treadle.graphs.runs import resume, start

        try:
            return resume(graph, self.thread, saver=self.saver)
        except RunNotFound:
            config = {"configurable": {"model": self.model}}
            return start(graph, {"text": self.text}, saver=self.saver, name=NAME, thread_id=self.thread, config=config)  # type: ignore[arg-type]

    def _load(self) -> "Run":
        from treadle.checkpoints.runs import run

        return run(self.saver, self.thread)

    def _show(self) -> None:
        from treadle.examples.contract_review import graph
        from treadle.graphs.runs import compiled

        state = compiled(graph, self.saver).get_state({"configurable": {"thread_id": self.thread}})
        results.tell(state.values, results.asked(self.saver, self.thread, open_=False))
        say(f"The whole story: treadle runs show {self.thread}")
        say(f"It is finished; to begin anew: {self.again} --fresh")


def material(document: Path | None) -> tuple[str, int]:
    """Return the text of the document, or of the shipped one, and how many clauses it has.

    Raises:
        DocumentError: it cannot be read, or has no clauses.
    """
    from treadle.nodes.texts.documents import read
    from treadle.nodes.texts.splits import clauses

    with as_file(files("treadle.examples") / SAMPLE) as sample:
        text = read(document or sample)
    return text, len(clauses(text))


def contract(
    saver: "SqliteSaver", document: Path | None, spec: str, found: tuple[str, int], *, fresh: bool, named: bool
) -> Contract:
    """Return the review of a document by a model: the run that is about both, or a new one."""
    text, count = found
    thread = _thread(saver, f"{NAME}-{digest([text, spec])[:8]}", fresh=fresh)
    name = document or "A services agreement (shipped; --document takes yours)"
    say(f"{name}: {many(count, 'clause')}. Run {thread}.")
    again = ["treadle", "demo"]
    again += ["--document", str(document)] if document else []
    again += ["--model", spec] if named else []
    again += ["--db", str(saver.database.path)] if saver.database.path != DEFAULT.absolute() else []
    return Contract(saver, text, count, spec, thread, shlex.join(again))


def _thread(saver: "SqliteSaver", base: str, *, fresh: bool) -> str:
    """The newest run of a document, or one more: the first has no number."""
    from treadle.checkpoints.runs import run

    number = 0
    while True:
        name = f"{base}-{number + 1}" if number else base
        try:
            run(saver, name)
        except RunNotFound:
            break
        number += 1
    if fresh or not number:
        return name
    return f"{base}-{number}" if number > 1 else base


def introduced(model: str | None) -> str:
    """Print which model is used, why, and what would give a better one; return its name.

    Raises:
        ModelUnavailable: it cannot be used here.
    """
    from treadle.nodes.models import choose
    from treadle.nodes.rules import NOTE

    best = choose()
    spec, why = (model, "as you asked") if model else (best.spec, best.why)
    usable(spec)
    better = f"--model {best.spec}" if spec == "rules" and best.spec != "rules" else best.better
    say(f"Model {spec}: {why}.{f' For a better one: {better}' if better and spec == 'rules' else ''}")
    if spec == "rules":
        say(f"{NOTE[:1].upper()}{NOTE[1:]}", style="dim")
    return spec
