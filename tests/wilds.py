"""Random graphs, used at random: each seed is a scenario (see `peers.py`) that two checkpointers must tell alike.

python tests/wilds.py --graphs 500
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from features import State, answers, ask, at, say, whole
from langchain_core.messages import AIMessage
from langgraph.channels import DeltaChannel
from langgraph.errors import InvalidUpdateError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, StateUpdate, interrupt
from peers import Api, Durability, World, difference
from workloads import extend


class Short(State, total=False):
    """A graph within a graph gives back all that it was given: without an end, the log would double with each."""

    log: Annotated[list[str], lambda old, new: [*old, *new][-40:]]
    grown: Annotated[list[Any], DeltaChannel(lambda old, new: extend(old, new)[-40:], list, snapshot_frequency=2)]


APIS: tuple[Api, ...] = ("sync", "async")
DURABILITIES: tuple[Durability, ...] = ("sync", "exit")
"""Not "async": LangGraph then goes on changing what a join waits for while it is stored, so that histories vary."""


@dataclass
class Builder:
    """Adds random stages to a graph, one after the other; the names of its nodes are unique."""

    chance: random.Random
    depth: int = 0
    calls: dict[str, int] = field(default_factory=dict)
    """How often steps that fail at first were called."""
    names: Iterator[str] = field(default_factory=lambda: (f"n{number}" for number in range(10_000)))

    def graph(self, stages: int) -> Any:
        """A graph, not compiled."""
        built, before = StateGraph(Short), START
        for _ in range(stages):
            before = self.stage(built, before)
        built.add_edge(before, END)
        return built

    def stage(self, built: Any, before: str) -> str:
        """Add a stage after a node; the node that ends it."""
        kinds = [self.step, self.step, self.gate, self.pair, self.fan, self.loop, self.jump, self.fails, self.talk]
        if self.depth < 3:
            kinds += [self.inner, self.inner, self.parents]
        return self.chance.choice(kinds)(built, before)

    def add(self, built: Any, node: Any, before: str | list[str] | None, **how: Any) -> str:
        name = next(self.names)
        built.add_node(name, node, **how)
        if before is not None:
            built.add_edge(before, name)
        return name

    def title(self) -> str:
        """Questions differ, so that each gets an answer of its own, whichever comes first."""
        return f"question {next(self.names)}"

    def step(self, built: Any, before: str) -> str:
        size = self.chance.choice([1, 40, 400])
        return self.add(built, say("words " * size), before)

    def talk(self, built: Any, before: str) -> str:
        key = str(self.chance.randrange(3))
        return self.add(built, lambda state: {"messages": [AIMessage(f"said {len(state['log'])}", id=key)]}, before)

    def gate(self, built: Any, before: str) -> str:
        return self.add(built, ask(self.title(), self.chance.choice([1, 1, 2])), before)

    def pair(self, built: Any, before: str) -> str:
        """Nodes side by side, some of which ask; one after them, that waits for all or is deferred."""
        quiet = {"log": ["quiet"], "grown": [["quiet"]]}
        kinds: Any = [lambda: ask(self.title()), lambda: ask(self.title(), 2), lambda: lambda state: quiet]
        sides = [self.add(built, self.chance.choice(kinds)(), before) for _ in range(self.chance.randint(2, 4))]
        if self.chance.random() < 0.5:
            return self.add(built, say("joined"), sides)
        last = self.add(built, say("deferred"), None, defer=True)
        for side in sides:
            built.add_edge(side, last)
        return last

    def fan(self, built: Any, before: str) -> str:
        every, width = self.chance.choice([0, 2, 3]), self.chance.randint(1, 6)

        def branch(state: Any) -> Any:
            item = state["item"]
            said = interrupt({"at": name, "item": item}) if every and item % every == 0 else ""
            return {"log": [f"{item} {said}"], "grown": [[item]]}

        start = self.add(built, say("fan"), before)
        name = self.add(built, branch, None)
        built.add_conditional_edges(start, lambda _: [Send(name, {"item": n}) for n in range(width)], [name])
        return self.add(built, say("after the fan"), name)

    def loop(self, built: Any, before: str) -> str:
        start, rounds = next(self.names), self.chance.randint(2, 4)
        end = self.add(built, say("end of loop"), None)
        word = f"round of {start}"
        turn: Any = lambda state: {"log": [word], "grown": [[word]], "item": (state.get("item") or 0) + 1}  # noqa: E731
        built.add_node(start, turn)
        built.add_edge(before, start)
        built.add_conditional_edges(start, lambda s: start if s["item"] % rounds else end, [start, end])
        return end

    def jump(self, built: Any, before: str) -> str:
        last = self.add(built, say("landed"), None)
        sent = self.add(built, lambda state: Command(update={"log": [f"sent {state['item']}"]}, goto=last), None)
        width = self.chance.randrange(4)
        goto = [Send(sent, {"item": n}) for n in range(width)] or last
        self.add(built, lambda _: Command(update={"text": "jump"}, goto=goto), before, destinations=(last, sent))
        return last

    def fails(self, built: Any, before: str) -> str:
        """A step that fails the first times, after which the run is gone on with."""
        times = self.chance.randint(1, 2)

        def node(state: Any) -> Any:
            self.calls[name] = self.calls.get(name, 0) + 1
            if self.calls[name] <= times:
                raise ConnectionError(f"{name} for the {self.calls[name]}. time")
            return {"log": [f"{name} after {self.calls[name]}"]}

        name = self.add(built, node, before)
        return name

    def inner(self, built: Any, before: str) -> str:
        """A graph as a node, with a memory of its own or without."""
        below = Builder(self.chance, self.depth + 1, self.calls, self.names)
        graph = below.graph(self.chance.randint(1, 3)).compile(checkpointer=self.chance.choice([None, None, True]))
        return self.add(built, graph, before)

    def parents(self, built: Any, before: str) -> str:
        """A graph as a node that answers to the one around it."""
        last = self.add(built, say("from below"), None)
        up = Command(graph=Command.PARENT, update={"log": ["up"]}, goto=last)
        inner, stop = StateGraph(Short), self.chance.random() < 0.5
        inner.add_node("first", ask(self.title()) if stop else say("below"))
        inner.add_node("up", lambda _: up)
        inner.add_edge(START, "first")
        inner.add_edge("first", "up")
        self.add(built, inner.compile(), before, destinations=(last,))
        return last


@dataclass(frozen=True)
class Use:
    """What is done to a graph; each choice is by place, so that both checkpointers see the same."""

    use: World
    graph: Any
    chance: random.Random

    def survived(self, verb: Callable[[], Any]) -> Any:
        """What was seen, or the error: of some forks LangGraph itself makes states that it cannot tell."""
        try:
            return verb()
        except InvalidUpdateError as error:
            return type(error).__name__, str(error)

    def invoke(self) -> Any:
        """Go on, wherever it is: with answers to some of its questions, with input, or with nothing."""
        state = self.use(self.graph, "get_state", at())
        if state.interrupts:
            given: Any = answers(state, self.chance.choice([1, 2, None, None]))
        else:
            given = None if state.next else {"text": f"turn {self.chance.randrange(99)}"}
        return self.use.attempt(self.graph, "invoke", given, at())

    def past(self) -> Any:
        """The config of some checkpoint of the history."""
        history = self.use(self.graph, "get_state_history", at())
        return self.chance.choice(history).config if history else at()

    def travel(self) -> Any:
        return self.use.attempt(self.graph, "invoke", None, self.past())

    def fork(self) -> Any:
        fork = self.use.attempt(self.graph, "update_state", self.past(), {"log": ["forked"], "grown": [["forked"]]})
        return fork if isinstance(fork, tuple) else self.use.attempt(self.graph, "invoke", None, fork)

    def change(self) -> Any:
        name = self.chance.choice([None, *sorted(self.graph.nodes)])
        return self.use.attempt(self.graph, "update_state", at(), {"log": [f"as {name}"]}, as_node=name)

    def bulk(self) -> Any:
        names = sorted(name for name in self.graph.nodes if name != START)
        steps = [[StateUpdate({"log": [name]}, name)] for name in self.chance.sample(names, min(2, len(names)))]
        return self.use.attempt(self.graph, "bulk_update_state", at(), steps)

    def deep(self) -> Any:
        """Change a graph within the graph, where one waits."""
        state = self.use(self.graph, "get_state", at(), subgraphs=True)
        below = [task.state for task in state.tasks if task.state is not None]
        if not below:
            return state
        config = self.chance.choice(below).config
        return self.use.attempt(self.graph, "update_state", config, {"log": ["changed below"]})

    def listen(self) -> Any:
        modes: Any = self.chance.sample(["values", "updates", "tasks", "checkpoints"], 2)
        given = {"text": "streamed"} if self.chance.random() < 0.5 else None
        events = self.use.attempt(self.graph, "stream", given, at(), stream_mode=modes, subgraphs=True)
        return sorted(map(str, events), key=len) and len(events) if isinstance(events, list) else events


def wild(seed: int) -> Callable[[World], Iterator[Any]]:
    """A random graph and what is done to it."""

    def scenario(use: World) -> Iterator[Any]:
        chance = random.Random(seed)
        graph = Builder(chance).graph(chance.randint(2, 5)).compile(use.saver)
        some = Use(use, graph, chance)
        verbs = [some.invoke] * 6 + [some.travel, some.fork, some.change, some.bulk, some.deep, some.listen]
        yield some.invoke()
        for _ in range(chance.randint(3, 9)):
            verb = chance.choice(verbs)
            yield verb.__name__, some.survived(verb)
            yield use.attempt(graph, "get_state", at(), subgraphs=True)
        yield some.survived(lambda: whole(use, graph, at()))

    return scenario


def differing(seed: int) -> str | None:
    """Where two checkpointers tell a seed's scenario differently first; None if they do not."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        found = difference(wild(seed), Path(folder), chance.choice(APIS), chance.choice(DURABILITIES))
    return f"seed {seed}, {found}" if found else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=100, help="how many random graphs")
    parser.add_argument("--seed", type=int, default=0, help="the first of them")
    given = parser.parse_args()
    different = 0
    for seed in range(given.seed, given.seed + given.graphs):
        if found := differing(seed):
            different += 1
            print(found, flush=True)
    print(f"{given.graphs} graphs, {different} told differently.")
    raise SystemExit(different > 0)


if __name__ == "__main__":
    main()
