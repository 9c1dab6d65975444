"""Fan-outs over a model's service that admits fewer calls than are made at once: nothing is lost, and all is told."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from langchain_core.runnables import RunnableConfig

from treadle import fan_out
from treadle.checkpoints import SqliteSaver, traces
from treadle.nodes import limit, prompt, step
from treadle.testing import ConverseServer

ID = "anthropic.claude-3-haiku-20240307-v1:0"
THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}

Serve = Callable[..., ConverseServer]
Run = Callable[..., dict[str, Any]]


def asking(**manner: Any) -> Any:
    ask = prompt("answer", "Say {word}", model=f"bedrock:{ID}?limit=64")
    return fan_out(ask, over="words", item="word", **{"into": "answers", "limit": 64, **manner})


def test_throttling_costs_no_item_and_no_attempt_of_a_branch(serve: Serve, run: Run) -> None:
    server = serve("fine", admits=30, burst=5, latency=0.01)
    done = run(asking().compile(), {"words": [f"w{n}" for n in range(50)]})
    assert done["answers"] == ["fine"] * 50
    assert server.results["throttle"] > 0
    assert {one["attempts"] for one in done["answers_outcomes"]} == {1}
    assert max(server.sent.values()) <= 8


def test_graphs_that_use_one_model_share_what_it_admits(serve: Serve, run: Run) -> None:
    server = serve("fine", admits=100, burst=10, latency=0.01)
    graphs = [asking(into=f"answers{n}").compile() for n in range(2)]
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run, graph, {"words": [f"{n} {m}" for m in range(40)]}) for n, graph in enumerate(graphs)]
        assert [one.result()[f"answers{n}"] for n, one in enumerate(runs)] == [["fine"] * 40] * 2
    assert max(server.sent.values()) <= 8


def test_with_faults_of_every_kind_each_item_has_a_value_or_a_reason(serve: Serve, run: Run) -> None:
    kinds = ("throttle", "error", "unavailable", "timeout", "model", "cut", "malformed")
    server = serve("fine", faults=dict.fromkeys(kinds, 0.05))
    done = run(asking(attempts=2, need=0).compile(), {"words": [f"w{n}" for n in range(80)]})
    outcomes = done["answers_outcomes"]
    assert [one["index"] for one in outcomes] == list(range(80))
    told = Counter(one.get("value") or one["error"]["kind"] for one in outcomes)
    assert set(told) <= {"fine", "ModelFailed", "ModelThrottled"}
    assert told["fine"] >= 78
    assert server.results.total() > 80


def test_a_worker_of_ones_own_adapts_to_the_services_own_errors(serve: Serve, run: Run) -> None:
    server = serve("fine", admits=60, burst=5, latency=0.01)
    client: Any = boto3.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))

    def call(word: str) -> str:
        content = [{"role": "user", "content": [{"text": word}]}]
        return str(client.converse(modelId=ID, messages=content)["output"]["message"]["content"][0]["text"])

    shared = limit(f"a client of one's own {run.__name__}", concurrency=32)
    graph = fan_out(step(call), over="words", item="word", limit=32, limits=[shared]).compile()
    assert run(graph, {"words": [f"w{n}" for n in range(60)]})["results"] == ["fine"] * 60
    assert shared.state.refused == server.results["throttle"] > 0
    assert shared.state.cuts > 0
    assert shared.state.running == shared.state.waiting == 0


def test_every_item_has_its_own_events_and_its_own_trace(serve: Serve, run: Run, tmp_path: Path) -> None:
    serve(lambda request: request.text.upper())
    words = ["one", "two", "three"]
    with SqliteSaver(tmp_path / "t.db", synchronous="OFF") as saver:
        graph = asking().compile(checkpointer=saver)
        if run.__name__ == "ahead":

            async def hear() -> list[Any]:
                events = graph.astream({"words": words}, THREAD, stream_mode="updates", subgraphs=True)
                return [event async for event in events]

            heard = asyncio.run(hear())
        else:
            heard = list(graph.stream({"words": words}, THREAD, stream_mode="updates", subgraphs=True))
        told = {one["index"]: one["value"] for _, event in heard for one in event.get("answer", {}).get("outcomes", ())}
        assert told == dict(enumerate(["SAY ONE", "SAY TWO", "SAY THREE"]))
        kept = [entry for entry in traces(saver, "t") if entry["step"] == "answer"]
        assert sorted(entry["parsed"] for entry in kept) == ["SAY ONE", "SAY THREE", "SAY TWO"]
        assert len({entry["ns"] for entry in kept}) == 3
