"""Reading back: the newest state and the history."""

import gc
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stores import chains, fanouts
from stores.claims import Claim, Claims
from stores.subjects import Opened, ours, ready
from stores.timings import config, medians


def claims(*, repeats: int, quick: bool) -> Claims:
    """Ours against the ready saver on the same runs, each read by a saver that has just been opened."""
    chain = (chains.loop(200), {"document": chains.DOCUMENT, "found": []})
    for name, (graph, value) in {
        "loop 200": chain,
        "fan-out 1000": (fanouts.fan(), {"count": 1000, "results": []}),
    }.items():
        with tempfile.TemporaryDirectory() as folder:
            paths = {which: Path(folder) / f"{which}.db" for which in ("ours", "ready")}
            for which, opened in _BOTH.items():
                with opened(paths[which]) as saver:
                    graph.compile(checkpointer=saver).invoke(value, config())
            yield from _compared(name, graph, paths, repeats)
            yield _first(name, paths, repeats)


_BOTH: dict[str, Opened] = {"ours": ours, "ready": ready}


def _compared(name: str, graph: Any, paths: dict[str, Path], repeats: int) -> Claims:
    with ours(paths["ours"]) as mine, ready(paths["ready"]) as theirs:
        both = {"ours": graph.compile(checkpointer=mine), "ready": graph.compile(checkpointer=theirs)}
        for what, goal in (("newest state", 2.0), ("history", 1.0)):
            calls = {which: _reading(what, compiled) for which, compiled in both.items()}
            taken = _settled(calls, 4 * repeats + 1)
            note = ", ".join(f"{which} {seconds * 1000:.2f} ms" for which, seconds in taken.items())
            yield Claim(f"{name}: {what}, time over the ready saver's", taken["ours"] / taken["ready"], goal, note=note)


def _settled(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Medians of calls between which, as with `timeit`, nothing is looked through for garbage.

    That takes half as long as a whole history, since it goes through all that the process holds, and falls on either
    by chance.
    """
    gc.collect()
    gc.disable()
    try:
        return medians(calls, repeats)
    finally:
        gc.enable()


def _first(name: str, paths: dict[str, Path], repeats: int) -> Claim:
    """The first reading of a saver, with opening it: nothing is remembered from readings before."""

    def once(which: str) -> None:
        with _BOTH[which](paths[which]) as saver:
            assert saver.get_tuple(config()) is not None

    taken = medians({"ours": lambda: once("ours"), "ready": lambda: once("ready")}, 4 * repeats + 1)
    note = ", ".join(f"{which} {seconds * 1000:.2f} ms" for which, seconds in taken.items())
    return Claim(f"{name}: newest state, opening the file included", taken["ours"] / taken["ready"], 2.0, note=note)


def _reading(what: str, compiled: Any) -> Any:
    if what == "history":
        return lambda: list(compiled.get_state_history(config()))
    return lambda: compiled.get_state(config())
