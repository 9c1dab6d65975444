"""Plain functions run where they are told to, and nothing is lost when that place breaks."""

import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dying
import pytest
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ExecutorGone, GraphBuildError, InputInvalid
from treadle.nodes import step

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["dying"])

Run = Callable[..., dict[str, Any]]


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=CONTEXT)


@pytest.mark.slow
def test_an_item_that_kills_its_process_fails_alone(run: Run) -> None:
    graph = fan_out(step(dying.die_if), over="ns", item="n", executor=processes, limit=6).compile()
    done = run(graph, {"ns": [0, 1, 2, 3, 4, 5]})
    assert done["results"] == [0, 1, 2, 4, 5]
    lost = done["results_outcomes"][3]
    assert (lost["status"], lost["error"]["kind"]) == ("failure", "BrokenProcessPool")


@pytest.mark.slow
def test_a_users_own_executor_that_broke_fails_the_run_in_words(run: Run) -> None:
    with processes() as pool:
        list(pool.map(dying.slowly, [0, 1]))  # else Python 3.11 may wait for ever for a process begun later
        graph = fan_out(step(dying.die_if), over="ns", item="n", executor=pool).compile()
        with pytest.raises(ExecutorGone, match=r"takes no more work.* give a function that makes one"):
            run(graph, {"ns": [3, 4]})


def test_a_run_is_resumed_with_an_executor_made_anew(run: Run, tmp_path: Path) -> None:
    made: list[ThreadPoolExecutor] = []

    def make() -> Executor:
        made.append(ThreadPoolExecutor(1))
        return made[-1]

    broken, ran = True, []

    def work(n: int) -> int:
        ran.append(n)
        if n == 2 and broken:
            raise TypeError("a bug")
        return n

    with SqliteSaver(tmp_path / "t.db") as saver:
        graph = fan_out(step(work), over="ns", item="n", executor=make, limit=1).compile(checkpointer=saver)
        with pytest.raises(TypeError):
            run(graph, {"ns": [0, 1, 2, 3]}, THREAD)
        broken = False
        assert run(graph, None, THREAD)["results"] == [0, 1, 2, 3]
    assert len(made) == 2
    assert ran.count(0) == ran.count(1) == 1
    for one in made:
        with pytest.raises(RuntimeError, match="shutdown"):
            one.submit(print)


def test_a_run_whose_executor_was_closed_says_so_and_goes_on_with_another(run: Run, tmp_path: Path) -> None:
    with SqliteSaver(tmp_path / "t.db") as saver:
        pool = ThreadPoolExecutor(1)
        pool.shutdown()
        closed = fan_out(step(dying.die_if), over="ns", item="n", executor=pool).compile(checkpointer=saver)
        with pytest.raises(ExecutorGone, match="Keep it open until the run has ended"):
            run(closed, {"ns": [1, 2]}, THREAD)
        fresh = fan_out(step(dying.die_if), over="ns", item="n", executor=lambda: ThreadPoolExecutor(2))
        assert run(fresh.compile(checkpointer=saver), None, THREAD)["results"] == [1, 2]


def test_what_cannot_go_to_another_process_is_told_in_words(run: Run) -> None:
    graph = fan_out(step(dying.die_if), over="ns", item="n", executor=processes).compile()
    with pytest.raises(InputInvalid, match=r"item 1 \(lock\) cannot go to another process: .*pickle"):
        run(graph, {"ns": [1, threading.Lock()]})
    own = fan_out(step(lambda n: n, into="out", name="work"), over="ns", item="n", executor=processes).compile()
    with pytest.raises(GraphBuildError, match=r"lambda.* cannot go to another process.* at the top of a module"):
        run(own, {"ns": [1]})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Dask cluster of two processes on this machine."""
    if find_spec("distributed") is None:
        pytest.skip("Dask is not installed: pip install 'treadle[dask]'")
    distributed: Any = importlib.import_module("distributed")

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None, host="127.0.0.1") as made,
        distributed.Client(made) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_worker_that_is_killed_loses_nothing(run: Run, cluster: Any) -> None:
    executor = cluster.get_executor(pure=False, retries=2)
    graph = fan_out(step(dying.slowly), over="ns", item="n", executor=executor, limit=16).compile()
    pids = sorted(cluster.run(os.getpid).values())
    killer = threading.Timer(0.3, os.kill, (pids[0], signal.SIGKILL))
    killer.start()
    done = run(graph, {"ns": list(range(60))})
    killer.join()
    assert [n for n, _ in done["results"]] == list(range(60))
    assert os.getpid() not in {pid for _, pid in done["results"]}
    deadline = time.monotonic() + 60
    while len(cluster.run(os.getpid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_client_that_was_closed_is_told(cluster: Any) -> None:
    distributed: Any = importlib.import_module("distributed")

    client = distributed.Client(cluster.cluster)
    executor = client.get_executor(pure=False)
    graph = fan_out(step(dying.slowly), over="ns", item="n", executor=executor).compile()
    client.close()
    with pytest.raises(ExecutorGone, match="takes no more work"):
        graph.invoke({"ns": [1, 2]})
