"""A chain of steps that carry a document of 200 kB and add to a list."""

import operator
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph

from stores.claims import Claim, Claims
from stores.raws import floor, raw
from stores.subjects import ASYNC_LINGERING, LINGERS, SYNC, SYNC_LINGERING
from stores.texts import prose
from stores.timings import Timing, added, arun, run, told

DOCUMENT = prose(200_000, 0)


class State(TypedDict):
    """A document, and what the steps found in it."""

    document: str
    found: Annotated[list[str], operator.add]


def found(number: int) -> str:
    """What one step adds."""
    return prose(120, number + 1)


def chain(steps: int) -> Any:
    """A graph of that many nodes in a row."""
    graph = StateGraph(State)
    names = [f"step_{number}" for number in range(steps)]
    for number, name in enumerate(names):
        graph.add_node(name, lambda state, number=number: {"found": [found(number)]})
    for before, after in pairwise([START, *names, END]):
        graph.add_edge(before, after)
    return graph


def loop(steps: int) -> Any:
    """A graph of one node that runs that many times."""
    graph = StateGraph(State)
    graph.add_node("step", lambda state: {"found": [found(len(state["found"]))]})
    graph.add_edge(START, "step")
    graph.add_conditional_edges("step", lambda state: "step" if len(state["found"]) < steps else END, ["step", END])
    return graph


def claims(*, repeats: int, quick: bool) -> Claims:
    """Size and time of the chain, once as nodes in a row and once as a loop."""
    value = {"document": DOCUMENT, "found": []}
    for name, make in (("chain", chain), ("loop", loop)):
        new = [DOCUMENT, *(found(number) for number in range(200))]
        timings = run(make(200), value, SYNC_LINGERING, repeats)
        ours, ready = timings["ours"].size, timings["ready"].size
        limit = raw(new, 200)
        sizes = f"ours {ours / 1e6:.2f}, ready {ready / 1e6:.1f}, raw {limit / 1e6:.2f} MB"
        yield Claim(f"{name} 200: times smaller than the ready saver", ready / ours, 120, at_least=True, note=sizes)
        yield Claim(f"{name} 200: size over raw SQLite's", ours / limit, 3, note=sizes)
        yield from _added(name, "sync", timings, 1 / 3.5)
        yield _floor(name, "sync", timings, new, repeats)
        if quick and name == "chain":
            continue
        timings = arun(make(200), value, ASYNC_LINGERING, repeats)
        yield from _added(name, "async", timings, 1 / 6)
        yield _floor(name, "async", timings, new, repeats)
        if not quick:
            yield growth(name, make)


def _added(name: str, way: str, timings: Mapping[str, Timing], goal: float) -> Claims:
    """Added time, by default and where steps may linger."""
    what = f"{name} 200: added time over the ready saver's, {way}"
    yield Claim(what, added(timings), goal, note=told(timings))
    yield Claim(f"{what}, {LINGERS}", added(timings, "lingering"), goal, note=told(timings))


def _floor(name: str, way: str, timings: Mapping[str, Timing], new: Sequence[object], repeats: int) -> Claim:
    """What SQLite alone takes for the same new bytes in 200 transactions, each synced: no goal, but a measure of it."""
    seconds = floor(new, 200, repeats)
    value = seconds / (timings["ready"].median - timings["none"].median)
    what = f"{name} 200: raw SQLite with 200 commits over what the ready saver adds, {way}"
    return Claim(what, value, note=f"raw {seconds * 1000:.0f} ms")


def growth(name: str, make: Any) -> Claim:
    """How size grows with the number of steps."""
    value = {"document": DOCUMENT, "found": []}
    short, long = (run(make(steps), value, {"ours": SYNC["ours"]}, 1)["ours"].size for steps in (400, 800))
    return Claim(
        f"{name}: size at 800 steps over 400", long / short, 2.1, note=f"{long / 1e6:.2f}, {short / 1e6:.2f} MB"
    )
