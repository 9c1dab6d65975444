"""Branches by ``Send``, each with a result of 1 kB, joined by a reducer."""

import asyncio
import operator
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from stores.claims import Claim, Claims
from stores.raws import raw
from stores.subjects import ASYNC, LINGER, LINGERS, SYNC_LINGERING, Opened, none, ours_normal, ready_normal
from stores.texts import prose
from stores.timings import Timing, added, again, arun, config, run, told
from treadle.checkpoints import SqliteSaver


class State(TypedDict):
    """How many branches, and what they found."""

    count: int
    item: int
    results: Annotated[list[str], operator.add]
    total: int


def work(state: Any) -> Any:
    """One branch."""
    return {"results": [prose(1000, state["item"])]}


async def awork(state: Any) -> Any:
    """One branch of an async run."""
    return work(state)


def fan(*, asynchronous: bool = False) -> Any:
    """Fan out, join, end."""
    graph = StateGraph(State)
    graph.add_node("work", awork if asynchronous else work)
    graph.add_node("join", lambda state: {"total": len(state["results"])})
    graph.add_conditional_edges(
        START, lambda state: [Send("work", {"item": number}) for number in range(state["count"])], ["work"]
    )
    graph.add_edge("work", "join")
    graph.add_edge("join", END)
    return graph


def claims(*, repeats: int, quick: bool) -> Claims:
    """Size and time of fan-outs, and of small graphs."""
    for count in (1000,) if quick else (1000, 3000):
        value = {"count": count, "results": []}
        for number in range(count):
            prose(1000, number)
        timings = run(fan(), value, SYNC_LINGERING, turns(count, repeats))
        made, commits = timings["ours"].size, counted(value)
        limit = raw([[prose(1000, number)] for number in range(count)], commits)
        sizes = f"ours {made / 1e6:.2f}, ready {timings['ready'].size / 1e6:.1f}, raw {limit / 1e6:.2f} MB"
        name = f"fan-out {count}"
        yield Claim(f"{name}: times smaller than the ready saver", timings["ready"].size / made, 4.5, True, sizes)
        yield Claim(f"{name}: size over raw SQLite's", made / limit, 1.4, note=sizes)
        yield Claim(f"{name}: added time over the ready saver's, sync", added(timings), 1 / 5, note=told(timings))
        yield Claim(f"{name}: added time, sync, {LINGERS}", added(timings, "lingering"), 1 / 5, note=told(timings))
        yield Claim(f"{name}: commits, sync", commits, 20)
        yield Claim(f"{name}: commits, sync, {LINGERS}", counted(value, linger=LINGER), 20)
        least = count / min(32, (os.cpu_count() or 1) + 4)  # each thread of LangGraph's pool waits for its own write
        yield Claim(f"{name}: commits, sync, over the least that its threads allow", commits / least, 1.2)
        timings = arun(fan(asynchronous=True), value, ASYNC, repeats)
        yield Claim(f"{name}: commits, async", counted(value, asynchronous=True), 20)
        yield Claim(f"{name}: added time over the ready saver's, async", added(timings), 1 / 8, note=told(timings))
    yield from small(repeats=repeats)


def turns(count: int, repeats: int) -> int:
    """What six threads take for 1,000 branches differs by half from one time to the next, by who runs when."""
    return repeats if repeats == 1 or count > 1000 else 2 * repeats + 1


def small(*, repeats: int) -> Claims:
    """Small graphs pay nothing for what large ones gain."""
    subjects: dict[str, Opened] = {"none": none, "ready": ready_normal, "ours": ours_normal}
    turns = 5 if repeats == 1 else 4 * repeats
    for count in (1, 10, 100):
        value = {"count": count, "results": []}
        for which, timed in {"": run, ", after other runs": again}.items():
            timings: dict[str, Timing] = timed(fan(), value, subjects, turns)
            ratio = timings["ours"].median / timings["ready"].median
            yield Claim(f"{count} branches{which}: time over the ready saver's, NORMAL", ratio, 1.2, note=told(timings))


def counted(value: Any, *, asynchronous: bool = False, linger: float = 0.0) -> int:
    """Commits of one run."""
    statements: list[str] = []
    with tempfile.TemporaryDirectory() as folder, SqliteSaver(Path(folder) / "x.db", linger=linger) as saver:
        saver.database.write(lambda connection: connection.set_trace_callback(statements.append))
        compiled = fan(asynchronous=asynchronous).compile(checkpointer=saver)
        if asynchronous:
            asyncio.run(compiled.ainvoke(value, config()))
        else:
            compiled.invoke(value, config())
    return statements.count("COMMIT")
