"""Scenarios that use everything LangGraph has: see `peers.py` for what a scenario is."""

import asyncio
import operator
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, TypedDict

from agents import PAID, agent
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langchain_core.runnables import RunnableConfig
from langgraph.cache.memory import InMemoryCache
from langgraph.channels import DeltaChannel, EphemeralValue, Topic, UntrackedValue
from langgraph.config import get_store, get_stream_writer
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES, add_messages
from langgraph.managed import RemainingSteps
from langgraph.store.memory import InMemoryStore
from langgraph.types import CachePolicy, Command, Overwrite, RetryPolicy, Send, StateUpdate, interrupt
from peers import Scenario, World, told
from workloads import extend

MODES: Any = ["values", "updates", "custom", "messages", "tasks", "checkpoints", "debug"]


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]
    text: str
    item: Any
    messages: Annotated[list[Any], add_messages]
    grown: Annotated[list[Any], DeltaChannel(extend, list, snapshot_frequency=2)]


def at(thread: Any = "t") -> Any:
    return {"configurable": {"thread_id": thread}}


def say(words: str) -> Any:
    """A node that adds to the log, and to a channel that is stored as what is added."""
    return lambda state: {"log": [words], "grown": [[words]], "text": f"{state.get('text', '')} {words}"[-400:]}


def ask(words: str, times: int = 1) -> Any:
    """A node that asks, once or one question after the other."""
    return lambda state: {"log": [interrupt({"title": words, "time": time}) for time in range(times)]}


def line(*nodes: tuple[str, Any], schema: Any = State) -> Any:
    """Nodes one after the other."""
    built = StateGraph(schema)
    for name, node in nodes:
        built.add_node(name, node)
    for before, after in zip([START, *(name for name, _ in nodes)], [*(name for name, _ in nodes), END], strict=True):
        built.add_edge(before, after)
    return built


def answers(state: Any, count: int | None = None) -> Command[Any]:
    """Answers to the first of the open questions, or to all."""
    open_ = sorted((one for task in state.tasks for one in task.interrupts), key=lambda one: str(one.value))
    return Command(resume={one.id: f"answer to {one.value}" for one in open_[:count]})


def whole(use: World, graph: Any, config: Any) -> Any:
    """All that a graph tells of a thread."""
    return [use(graph, "get_state", config, subgraphs=True), use(graph, "get_state_history", config)]


def subgraphs(use: World) -> Iterator[Any]:
    """Three deep, each level with a memory of its own, asked at the innermost and changed there by hand."""
    inner = line(("in", say("inner")), ("gate", ask("deep", 2)), ("out", say("after"))).compile(checkpointer=True)
    middle = line(("mid", say("middle")), ("inner", inner)).compile(checkpointer=True)
    graph = line(("top", say("top")), ("middle", middle), ("end", say("end"))).compile(use.saver)
    for number in range(2):
        yield use(graph, "invoke", {"text": f"turn {number}"}, at())
        state = use(graph, "get_state", at(), subgraphs=True)
        yield state
        deepest = state.tasks[0].state.tasks[0].state
        yield use(graph, "get_state", deepest.config)
        yield use(graph, "invoke", answers(state), at())
        if number:
            state = use(graph, "get_state", at(), subgraphs=True)
            deepest = state.tasks[0].state.tasks[0].state
            changed = use(graph, "update_state", deepest.config, {"log": ["by hand"]})
            yield use(graph, "get_state", changed)
        yield use(graph, "invoke", answers(use(graph, "get_state", at())), at())
        yield whole(use, graph, at())


def sends(use: World) -> Iterator[Any]:
    """Branches that are sent, that send others, that jump, and that answer to the graph above."""

    def branch(state: Any) -> Any:
        item = state["item"]
        more = [Send("leaf", {"item": item * 10 + n}) for n in range(item)]
        return Command(update={"log": [f"branch {item}"]}, goto=more)

    def up(state: Any) -> Any:
        return Command(graph=Command.PARENT, update={"log": [f"up {state['item']}"]}, goto="last")

    below = line(("up", up)).compile()
    built = StateGraph(State)
    built.add_node("branch", branch)
    built.add_node("leaf", lambda state: {"log": [f"leaf {state['item']}"], "grown": [[state["item"]]]})
    built.add_node("below", below, destinations=("last",))
    built.add_node("last", say("last"), defer=True)
    built.add_conditional_edges(
        START, lambda _: [Send("branch", {"item": n}) for n in range(4)] + [Send("below", {"item": 9})]
    )
    graph = built.compile(use.saver)
    yield use(graph, "invoke", {"text": "go"}, at())
    yield whole(use, graph, at())


def questions(use: World) -> Iterator[Any]:
    """Many questions at once, some of them two a node, answered in parts, with breakpoints beside them."""
    if use.durability == "async":  # what a join waits for is then changed while it is stored
        use = replace(use, durability="sync")
    built = StateGraph(State)
    for name in "abc":
        built.add_node(name, ask(name, 2 if name == "b" else 1))
        built.add_edge(START, name)
    built.add_node("note", say("beside"))
    built.add_edge(START, "note")
    built.add_node("join", say("joined"))
    built.add_edge(["a", "b", "c", "note"], "join")
    built.add_node("sent", lambda state: {"log": [interrupt(state["item"])]})
    built.add_conditional_edges("join", lambda _: [Send("sent", {"item": n}) for n in range(3)], ["sent"])
    graph = built.compile(use.saver, interrupt_before=["join"], interrupt_after=["sent"])
    yield use(graph, "invoke", {"text": "go"}, at())
    for count in (1, None, None, 1, None, None, None):
        state = use(graph, "get_state", at())
        yield state
        given = answers(state, count) if state.interrupts else None
        yield use(graph, "invoke", given, at())
    yield use.attempt(graph, "invoke", Command(resume="to nobody"), at())
    yield whole(use, graph, at())


def updates(use: World) -> Iterator[Any]:
    """States changed by hand: at the end, in the middle, as any node, many at once, and into an empty thread."""
    graph = line(("a", say("a")), ("gate", ask("gate")), ("b", say("b")), ("c", say("c"))).compile(use.saver)
    yield use(graph, "invoke", {"text": "go"}, at())
    for as_node, values in ((None, {"log": ["plain"]}), ("a", {"log": ["as a"]}), ("gate", {"text": "as gate"})):
        yield use.attempt(graph, "update_state", at(), values, as_node=as_node)
        yield use(graph, "get_state", at())
    yield use(graph, "invoke", None, at())
    yield use(graph, "update_state", at(), None, as_node=END)
    yield use.attempt(graph, "update_state", at(), {"log": ["nobody"]}, as_node="nobody")
    yield use.attempt(graph, "update_state", at(), {"no": "such key"})
    steps = [
        [StateUpdate({"log": ["1"], "messages": [HumanMessage("one", id="1")]}, "a")],
        [StateUpdate({"log": ["2"]}, "gate"), StateUpdate({"text": "beside"}, "b")],
        [StateUpdate({"messages": [AIMessage("two", id="2")], "grown": [["bulk"]]}, "b")],
    ]
    for thread in ("t", "empty"):
        yield use.attempt(graph, "bulk_update_state", at(thread), steps)
        yield use(graph, "invoke", None, at(thread))
        yield whole(use, graph, at(thread))
    yield use(graph, "update_state", at("made"), {"log": ["first of all"]}, as_node=START)
    yield use(graph, "invoke", None, at("made"))
    yield use(graph, "update_state", at("t"), None, as_node="__copy__")
    yield whole(use, graph, at("t"))


def travel(use: World) -> Iterator[Any]:
    """Every checkpoint of a history is gone on from, and changed and gone on from."""
    graph = line(("a", say("a")), ("gate", ask("gate")), ("b", say("b"))).compile(use.saver)
    use(graph, "invoke", {"text": "go"}, at())
    use(graph, "invoke", answers(use(graph, "get_state", at())), at())
    for past in use(graph, "get_state_history", at()):
        yield use(graph, "get_state", past.config)
        yield use.attempt(graph, "invoke", None, past.config)
        fork = use(graph, "update_state", past.config, {"log": ["forked"], "grown": [["forked"]]})
        yield use.attempt(graph, "invoke", None, fork)
        state = use(graph, "get_state", at())
        if state.interrupts:
            yield use(graph, "invoke", answers(state), at())
    yield whole(use, graph, at())
    before = use(graph, "get_state_history", at())[3].config
    yield use(graph, "get_state_history", at(), before=before, limit=4)
    yield use(graph, "get_state_history", at(), filter={"source": "update"})


def deltas(use: World) -> Iterator[Any]:
    """Channels stored as what was added, over snapshots, forks and a value that is set anew."""
    graph = line(*((name, say(name)) for name in "abcdefg")).compile(use.saver)
    yield use(graph, "invoke", {"grown": [["begin"]]}, at())
    for past in use(graph, "get_state_history", at())[1:6:2]:
        yield use(graph, "invoke", None, past.config)
    yield use(graph, "update_state", at(), {"grown": Overwrite(["anew"])})
    yield use(graph, "invoke", {"grown": [["again"]]}, at())
    yield whole(use, graph, at())


def channels(use: World) -> Iterator[Any]:
    """Channels of every kind: some are not stored, some for a step, some of the graph's own."""

    class Kinds(TypedDict, total=False):
        kept: str
        secret: Annotated[Any, UntrackedValue]
        passing: Annotated[str, EphemeralValue]
        topic: Annotated[list[str], Topic(str)]
        most: Annotated[int, lambda old, new: max(old, new)]
        messages: Annotated[list[Any], add_messages]
        left: RemainingSteps

    def first(state: Any) -> Any:
        said = [HumanMessage("hi", id="h"), AIMessage("", id="x", tool_calls=[{"name": "f", "args": {}, "id": "1"}])]
        return {"secret": object(), "passing": "soon gone", "topic": ["a", "b"], "most": 3, "messages": said}

    def second(state: Any) -> Any:
        return {"kept": f"{state['passing']} {state['left']} {'secret' in state}", "topic": "c", "most": 1}

    def third(state: Any) -> Any:
        interrupt("wait")
        return {"messages": [RemoveMessage("h"), AIMessage("changed", id="x")], "kept": str("passing" in state)}

    def last(state: Any) -> Any:
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), HumanMessage("anew", id="n")]}

    graph = line(("1", first), ("2", second), ("3", third), ("4", last), schema=Kinds).compile(use.saver)
    for number in range(2):
        yield use(graph, "invoke", {"most": number}, at())
        yield use(graph, "invoke", Command(resume="on", update={"most": 7}), at())
    yield whole(use, graph, at())


def streams(use: World) -> Iterator[Any]:
    """Every way to listen, through subgraphs; what comes side by side has no order."""

    def noisy(state: Any) -> Any:
        get_stream_writer()({"custom": "words"})
        return {"log": ["noisy"]}

    inner = line(("noisy", noisy), ("gate", ask("inner"))).compile()
    built = line(("inner", inner), ("end", say("end")))
    built.add_node("beside", lambda _: {"log": ["beside"]})
    built.add_edge(START, "beside")
    graph = built.compile(use.saver)
    for mode in [*MODES, MODES]:
        thread = at(str(mode))
        both: list[Any] = [{"text": "go"}, Command(resume="on")]
        for given in both:
            events = use(graph, "stream", given, thread, stream_mode=mode, subgraphs=True)
            yield sorted(map(told, events))
            yield use(graph, "get_state", thread).values


def failures(use: World) -> Iterator[Any]:
    """A step that fails, is retried, and after that is gone on with; what had been done is not done again."""
    calls: list[str] = []

    def fails(state: Any) -> Any:
        calls.append("fails")
        if len(calls) < 4:
            raise ConnectionError(f"time {len(calls)}")
        return {"log": ["at last"]}

    graph = line(("a", say("a")), ("fails", fails), ("b", say("b"))).compile(use.saver)
    yield use.attempt(graph, "invoke", {"text": "go"}, at())
    yield whole(use, graph, at())
    yield use.attempt(graph, "invoke", None, at())
    yield use.attempt(graph, "invoke", {"text": "new input"}, at())
    yield use.attempt(graph, "invoke", None, at())
    yield whole(use, graph, at())
    calls.clear()
    policy = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=5)
    retried = StateGraph(State).add_node("fails", fails, retry_policy=policy).add_edge(START, "fails")
    yield use(retried.compile(use.saver), "invoke", {"text": "go"}, at("retried"))
    yield len(calls)


def cancelled(use: World) -> Iterator[Any]:
    """A run that is given up in the middle of a step goes on with that step."""
    begun, calls = asyncio.Event(), list[str]()

    async def slow(state: Any) -> Any:
        calls.append("slow")
        begun.set()
        await asyncio.sleep(60 if len(calls) == 1 else 0)
        return {"log": ["slow"]}

    graph = line(("a", say("a")), ("slow", slow), ("b", say("b"))).compile(use.saver)
    if use.runner is None:
        return

    async def given_up() -> Any:
        running = asyncio.ensure_future(graph.ainvoke({"text": "go"}, at(), durability=use.durability))
        await begun.wait()
        running.cancel()
        return await asyncio.gather(running, return_exceptions=True)

    yield [type(one).__name__ for one in use.runner.run(given_up())]
    yield use(graph, "get_state", at())
    yield use(graph, "invoke", None, at())
    yield calls
    yield whole(use, graph, at())


def abandoned(use: World) -> Iterator[Any]:
    """A stream that nobody listens to any more, after each of its steps, and the run gone on with."""
    graph = line(("a", say("a")), ("b", say("b")), ("gate", ask("gate")), ("c", say("c"))).compile(use.saver)

    def first(count: int, thread: Any) -> None:
        events: Any = graph.stream({"text": "go"}, thread, durability=use.durability)
        for _ in zip(range(count), events, strict=False):
            pass
        events.close()

    async def afirst(count: int, thread: Any) -> None:
        events: Any = graph.astream({"text": "go"}, thread, durability=use.durability)
        for _ in range(count):
            await anext(events)
        await events.aclose()

    for count in (1, 2, 3):
        thread = at(f"after {count}")
        first(count, thread) if use.runner is None else use.runner.run(afirst(count, thread))
        yield whole(use, graph, thread)
        yield use(graph, "invoke", None, thread)
        yield whole(use, graph, thread)


def functional(use: World) -> Iterator[Any]:
    """An entrypoint with tasks: what ended is not run again, what is returned and what is kept differ."""
    calls: list[str] = []

    @task
    def double(number: int) -> int:
        calls.append(f"double {number}")
        return 2 * number

    @task
    def risky(number: int) -> int:
        calls.append(f"risky {number}")
        if calls.count(f"risky {number}") == 1:
            raise ConnectionError("first time")
        return number

    @task
    def person(words: str) -> str:
        return str(interrupt(words))

    @entrypoint(checkpointer=use.saver)
    def flow(number: int, *, previous: Any = None) -> Any:
        doubled = [one.result() for one in [double(n) for n in range(number)]]
        said = person(f"{doubled}").result()
        sure = risky(number).result()
        return entrypoint.final(value=(doubled, said, sure, previous), save={"kept": [previous, said]})

    for number in (2, 3):
        yield use(flow, "invoke", number, at())
        yield use.attempt(flow, "invoke", Command(resume=f"said {number}"), at())
        yield use(flow, "get_state", at())
        yield use(flow, "invoke", None, at())
    yield sorted(calls)
    yield whole(use, flow, at())


def flowing(use: World) -> Iterator[Any]:
    """The same on an event loop, with coroutines."""

    @task
    async def double(number: int) -> int:
        return 2 * number

    @entrypoint(checkpointer=use.saver)
    async def flow(number: int, *, previous: Any = None) -> Any:
        doubled = [await one for one in [double(n) for n in range(number)]]
        said = interrupt("go on?")
        return [doubled, said, await double(number), previous]

    if use.runner is None:
        return
    for number in (2, 3):
        yield use(flow, "invoke", number, at())
        yield use(flow, "invoke", Command(resume="on"), at())
    yield whole(use, flow, at())


def agents(use: World) -> Iterator[Any]:
    """An agent with tools that asks before it calls them, once for all or once each."""
    for mode, decisions in (
        ("batched", {"decisions": [{"type": "approve"}, {"type": "reject", "message": "no"}]}),
        ("per_call", {"decisions": [{"type": "approve"}]}),
    ):
        PAID.clear()
        graph = agent(use.saver, mode, ("Ann", 7), ("Bob", 9))
        thread = at(mode)
        yield use(graph, "invoke", {"messages": [HumanMessage("pay", id="h")]}, thread)
        state = use(graph, "get_state", thread)
        yield state
        given = {one.id: decisions for one in state.interrupts}
        yield use.attempt(graph, "invoke", Command(resume=given), thread)
        yield sorted(PAID)
        yield whole(use, graph, thread)


def stores(use: World) -> Iterator[Any]:
    """A store and a cache beside the checkpointer."""
    store, calls = InMemoryStore(), list[str]()

    def remembers(state: Any, config: RunnableConfig) -> Any:
        get_store().put(("users",), config["configurable"]["thread_id"], {"text": state.get("text")})
        return {"log": [str([item.value for item in get_store().search(("users",))])]}

    def costly(state: Any) -> Any:
        calls.append("costly")
        return {"log": [f"costly {state.get('text')}"]}

    built = StateGraph(State)
    built.add_node("remembers", remembers)
    built.add_node("costly", costly, cache_policy=CachePolicy(key_func=lambda state: str(state.get("text"))))
    built.add_edge(START, "remembers")
    built.add_edge("remembers", "costly")
    graph = built.compile(use.saver, store=store, cache=InMemoryCache[Any]())
    for thread in "ab":
        yield use(graph, "invoke", {"text": "same"}, at(thread))
        yield whole(use, graph, at(thread))
    yield calls


def threads(use: World) -> Iterator[Any]:
    """Threads of odd names, metadata of the caller's own, and what is listed of all of them."""
    graph = line(("a", say("a")), ("gate", ask("gate"))).compile(use.saver)
    for number, thread in enumerate((7, "7 ", "it's", 'a "b"', "🧵", "x" * 3000, "%_", "a|b:c", "../up")):
        config = {**at(thread), "metadata": {"user": f"u{number % 2}", "nested": {"a": [1, None]}}, "tags": ["t"]}
        yield use(graph, "invoke", {"text": "go"}, config)
        yield whole(use, graph, at(thread))
    yield use(use.saver, "list", None, filter={"user": "u1", "step": 1})
    yield use(use.saver, "list", None, limit=5)
    yield use(use.saver, "list", at(7), filter={"source": "input"})


def shared(use: World) -> Iterator[Any]:
    """Two graphs on one thread, and one graph on two threads in turns."""
    one = line(("a", say("a")), ("gate", ask("gate")), ("b", say("b"))).compile(use.saver)
    other = line(("gate", ask("gate")), ("z", say("z"))).compile(use.saver)
    for thread in "tu":
        yield use(one, "invoke", {"text": thread}, at(thread))
    for thread in "ut":
        yield use.attempt(other, "get_state", at(thread))
        yield use.attempt(other, "invoke", answers(use(one, "get_state", at(thread))), at(thread))
        yield whole(use, other, at(thread))
        yield whole(use, one, at(thread))


FEATURES: dict[str, Scenario] = {
    one.__name__: one
    for one in (
        subgraphs,
        sends,
        questions,
        updates,
        travel,
        deltas,
        channels,
        streams,
        failures,
        cancelled,
        abandoned,
        functional,
        flowing,
        agents,
        stores,
        threads,
        shared,
    )
}
