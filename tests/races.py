"""Many processes on one file, each with many threads: all write, resume, decide and list at once.

python tests/races.py --seconds 60
"""

import argparse
import json
import multiprocessing
import os
import random
import tempfile
import threading
import time
from collections import Counter
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

from treadle.checkpoints import SqliteSaver, advance, decide, decisions, pending, runs, verify
from treadle.checkpoints.care.checkups import checkup
from treadle.checkpoints.ledgers.fences import FENCE
from treadle.errors import LeaseHeld, ReviewClosed, ReviewNotFound, RunNotFound, RunOpen

FORK = multiprocessing.get_context("fork")
ROUNDS = 3


class State(TypedDict, total=False):
    said: Annotated[list[str], add]
    words: str


def graph(saver: Any, log: int) -> Any:
    """Asks three times; each effect is logged with the fencing token that its process held."""

    def effect(state: State, config: RunnableConfig) -> Any:
        configurable = config.get("configurable", {})
        thread, count, token = configurable["thread_id"], len(state.get("said", [])), configurable[FENCE][1]
        os.write(log, (json.dumps([thread, count, token, time.time()]) + "\n").encode())
        return {"words": f"{count} " * 200}

    def ask(state: State) -> Any:
        return {"said": [interrupt({"round": len(state.get("said", []))})]}

    built = StateGraph(State)
    built.add_node("effect", effect)
    built.add_node("ask", ask)
    built.add_node("last", lambda state: {"words": "done"})
    built.add_edge(START, "effect")
    built.add_edge("effect", "ask")
    built.add_conditional_edges(
        "ask", lambda state: "effect" if len(state["said"]) < ROUNDS else "last", ["effect", "last"]
    )
    built.add_edge("last", END)
    return built.compile(checkpointer=saver)


EXPECTED = (LeaseHeld, ReviewClosed, ReviewNotFound, RunNotFound, RunOpen)
"""What a process is told that came second: nothing was changed. Anything else is an error."""


def work(path: Path, number: int, seconds: float, threads: int, told: Any) -> None:
    """One process: its threads do random things until time is up; it tells what they did."""
    log = os.open(path.with_name("effects"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    until, counts, errors = time.monotonic() + seconds, Counter[str](), []
    with SqliteSaver(path, synchronous="NORMAL") as saver:
        built = graph(saver, log)

        def act(worker: int) -> None:
            rng = random.Random(number * 100 + worker)
            while time.monotonic() < until:
                try:
                    counts[_one(saver, built, rng, f"{number}.{worker}")] += 1
                except EXPECTED as error:
                    counts[type(error).__name__] += 1
                except BaseException as error:
                    errors.append(f"{type(error).__name__}: {error}")
                    return

        workers = [threading.Thread(target=act, args=(worker,)) for worker in range(threads)]
        for one in workers:
            one.start()
        for one in workers:
            one.join()
    told.put((counts, errors))


def _one(saver: SqliteSaver, built: Any, rng: random.Random, who: str) -> str:
    action = rng.choice(["start", "advance", "advance", "decide", "decide", "list", "state", "note"])
    thread = f"t{rng.randrange(40)}"
    if action == "start":
        new = f"{who}-{rng.getrandbits(40)}" if rng.random() < 0.2 else thread
        try:
            advance(saver, built, new)
        except RunNotFound:
            _started(advance(saver, built, new, input={"said": []}, name="race"))
    elif action == "advance":
        _started(advance(saver, built, thread))
    elif action == "decide":
        for review in pending(saver, limit=3, offset=rng.randrange(3)):
            decide(saver, review.id, answer=f"{who} says {rng.random()}", by=who, thread=review.thread_id)
    elif action == "list":
        runs(saver, limit=20)
        pending(saver, limit=20)
    elif action == "state":
        built.get_state({"configurable": {"thread_id": thread}})
    else:
        saver.remember("notes", f"{who}-{rng.random()}", who)
    return action


def _started(run: Any) -> None:
    assert run.status not in ("failed", "parked"), run.error


def judge(path: Path) -> dict[str, int]:
    """Check what the race left behind."""
    effects = [json.loads(line) for line in path.with_name("effects").read_text().splitlines()]
    newest: dict[str, int] = {}
    for thread, _, token, _ in effects:
        assert token >= newest.get(thread, 0), f"run {thread} was advanced by an older holder after a newer one"
        newest[thread] = token
    with SqliteSaver(path) as saver:
        found = [problem for problem in checkup(saver) if problem.kind != "leftover"]
        assert found == []
        assert verify(saver) == []
        made = decisions(saver, limit=1_000_000)
        assert len({(one.thread_id, one.interrupt_id) for one in made}) == len(made), "a review was decided twice"
        assert not [one for one in made if one.action == "refused"]
        built = graph(saver, os.open(os.devnull, os.O_WRONLY))
        for run in runs(saver, limit=-1):
            if run.graph is None:
                continue
            _settled(saver, built, run.thread_id, [one for one in made if one.thread_id == run.thread_id], effects)
    return {"effects": len(effects), "decisions": len(made), "runs": len(newest)}


def _settled(saver: SqliteSaver, built: Any, thread: str, made: list[Any], effects: list[Any]) -> None:
    """Every answer that was applied is in the state, once, in the order in which it was given."""
    said = built.get_state({"configurable": {"thread_id": thread}}).values.get("said", [])
    applied = [one.answer for one in sorted(made, key=lambda one: one.seq) if one.applied_at is not None]
    assert said == applied, (thread, said, applied)
    rounds = [count for name, count, *_ in effects if name == thread]
    assert rounds == sorted(set(rounds)), f"an effect of run {thread} happened twice: {rounds}"


def race(folder: Path, *, seconds: float, processes: int = 8, threads: int = 4) -> dict[str, Any]:
    """Let processes race, then judge."""
    path, told = folder / "x.db", FORK.Queue()
    running = [FORK.Process(target=work, args=(path, number, seconds, threads, told)) for number in range(processes)]
    for process in running:
        process.start()
    counts, errors = zip(*(told.get(timeout=seconds + 240) for _ in running), strict=True)
    for process in running:
        process.join()
    assert [error for each in errors for error in each] == []
    return {**sum(counts, Counter[str]()), **judge(path)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--threads", type=int, default=4)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        how = {"seconds": given.seconds, "processes": given.processes, "threads": given.threads}
        print(json.dumps(race(Path(folder), **how)), flush=True)


if __name__ == "__main__":
    main()
