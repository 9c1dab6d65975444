"""The checks of ``treadle doctor``."""

import os
import socket
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from treadle.causes import cause
from treadle.commands.options import existing, there
from treadle.commands.printing import many
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.runs import Run, Status

PORT = 8501


@dataclass(frozen=True)
class Check:
    """What one check found."""

    what: str
    state: Literal["ok", "note", "wrong"]
    """`note` is worth knowing and keeps nothing from working."""
    finding: str
    cure: str = ""


def checks(db: Path, graphs: Path | None) -> Iterator[Check]:
    """Everything that can be looked at without changing it."""
    yield from _packages()
    yield from _database(db, graphs)
    yield from _graphs(graphs)
    yield from _models()
    yield _port()


def _packages() -> Iterator[Check]:
    running = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 11)
    yield Check("python", "ok" if fine else "wrong", running, "" if fine else "Use Python 3.11 or later.")
    from packaging.requirements import Requirement

    wanted = [Requirement(one) for one in requires("treadle") or () if "extra ==" not in one]
    for requirement in wanted:
        try:
            here = version(requirement.name)
        except PackageNotFoundError:
            yield Check(requirement.name, "wrong", "is not installed", f"pip install '{requirement}'")
            continue
        if not requirement.specifier.contains(here, prereleases=True):
            yield Check(
                requirement.name,
                "wrong",
                f"{here}, and {requirement.specifier} is needed",
                f"pip install '{requirement}'",
            )
    yield Check(
        "packages", "ok", f"treadle {version('treadle')}, langgraph {version('langgraph')}, {len(wanted)} required"
    )


def _database(db: Path, graphs: Path | None) -> Iterator[Check]:
    if not there(db):
        folder = db.absolute().parent
        usable = folder.is_dir() and os.access(folder, os.W_OK)
        cure = (
            "treadle demo makes one" if usable else f"{folder} is no folder that can be written: name another with --db"
        )
        yield Check("database", "note" if usable else "wrong", f"there is none at {db} yet", cure)
        return
    try:
        with existing(db) as saver:
            yield from _opened(db, saver)
            yield from _ailing(saver, graphs)
    except TreadleError as error:
        yield Check("database", "wrong", str(error), "Put right what it says, or name another with --db.")


def _opened(db: Path, saver: "SqliteSaver") -> Iterator[Check]:
    from treadle.checkpoints.decisions import verify

    told = saver.database.read(_integrity)
    size = f"{saver.path.stat().st_size / 1e6:.1f} MB at {db}"
    if told:
        yield Check(
            "database", "wrong", f"damaged: {told[0]}", "Restore a copy of the file; keep this one for what it holds."
        )
    else:
        yield Check("database", "ok", f"{size}, sound")
    if not os.access(saver.path, os.W_OK):
        yield Check(
            "database", "note", "can be read and not written", "chmod u+w, for decisions and runs to be recorded."
        )
    problems = verify(saver)
    if problems:
        yield Check(
            "decisions",
            "wrong",
            problems[0],
            "The record was changed from outside: compare it with a copy of the file.",
        )
    else:
        yield Check("decisions", "ok", "the chain of hashes is whole")
    yield from _runs(saver)


_SHOWN = 20


def _ailing(saver: "SqliteSaver", path: Path | None) -> Iterator[Check]:
    """What keeps single runs and reviews from going on."""
    from treadle.checkpoints.care.ailments import ailments
    from treadle.graphs.catalogs import catalog

    try:
        known = catalog(path)
    except TreadleError:
        found = ailments(saver)  # that langgraph.json cannot be used is told below
    else:
        found = ailments(saver, lambda name: known.compiled(name, None))
    for one in found[:_SHOWN]:
        cure = f"treadle doctor --repair. {one.cure}" if one.repair else one.cure
        yield Check(one.kind, "wrong", f"{one.finding} {one.meaning}", cure)
    if len(found) > _SHOWN:
        yield Check("reviews", "wrong", f"{len(found) - _SHOWN} more like these", "Put these right first.")
    if not found:
        yield Check("reviews", "ok", "every open question is waited for, and no answer is overdue")


def _integrity(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("PRAGMA quick_check(3)") if row[0] != "ok"]


_CURE = "See treadle runs show THREAD, cure the cause, then treadle run GRAPH --thread THREAD."

_STUCK: "tuple[tuple[Status, str, str], ...]" = (
    ("stalled", "stopped in the middle: the process has ended", "treadle worker takes them on."),
    ("decided", "with decisions that are not applied yet", "treadle ui or treadle worker applies them."),
    ("parked", "failed again and again, not tried any more", _CURE),
    ("failed", "failed", _CURE),
)


def _runs(saver: "SqliteSaver") -> Iterator[Check]:
    from treadle.checkpoints.runs import runs

    sound = True
    for status, meaning, cure in _STUCK:
        found = [one for one in runs(saver, status=status, limit=1000) if not one.gathers]
        if found:
            sound = False
            state: Literal["note", "wrong"] = "wrong" if status in ("parked", "stalled") else "note"
            yield Check("runs", state, f"{many(len(found), 'run')} {meaning}: {_named(found)}", cure)
    waiting = len(runs(saver, status="waiting", limit=1000))
    gather = sum(one.gathers for one in runs(saver, status="decided", limit=1000))
    if sound:
        more = f", {gather} gather answers" if gather else ""
        yield Check("runs", "ok", f"{waiting + gather} wait for a person{more}, none is stuck")


def _named(found: "list[Run]") -> str:
    more = ", ..." if len(found) > 3 else ""
    reason = f" ({cause(found[0].error)[:160]})" if found[0].error else ""
    return ", ".join(run.thread_id for run in found[:3]) + more + reason


def _graphs(path: Path | None) -> Iterator[Check]:
    from treadle.graphs.catalogs import catalog

    try:
        known = catalog(path)
    except TreadleError as error:
        yield Check("langgraph.json", "wrong", str(error), "Put right what it says.")
        return
    if known.path is None:
        yield Check(
            "langgraph.json",
            "note",
            "there is none here, so only the shipped example is known",
            "Write one for graphs of your own.",
        )
    for name in known.names:
        try:
            known.graph(name)
            yield Check(f"graph {name}", "ok", f"{known.entries[name].spec} can be imported")
        except TreadleError as error:
            yield Check(
                f"graph {name}", "wrong", str(error), "Put right what it says: its runs cannot go on without it."
            )


def _models() -> Iterator[Check]:
    from treadle.nodes.models import choose, model

    choice = choose()
    try:
        model(choice.spec)
    except TreadleError as error:
        yield Check("model", "wrong", str(error), "Put right what it says, or name another with TREADLE_MODEL.")
        return
    yield Check("model", "note" if choice.better else "ok", f"{choice.spec} is used: {choice.why}", choice.better or "")


def _port() -> Check:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", PORT))
        except OSError as error:
            return Check(
                "page",
                "note",
                f"port {PORT} cannot be used ({error.strerror})",
                "It may be a page that runs already; else treadle ui --port N.",
            )
    return Check("page", "ok", f"port {PORT} is free")
