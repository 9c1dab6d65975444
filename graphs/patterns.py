"""`Pattern`: an ordinary StateGraph that knows its name, what it reads and what it writes."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Annotated, Any, TypedDict, get_args, get_origin

from langgraph.graph.state import CompiledStateGraph, StateGraph

from treadle.errors import GraphBuildError
from treadle.graphs.demands import both
from treadle.graphs.structures import stamped


class Pattern(StateGraph[Any, Any, Any, Any]):
    """A StateGraph made by `chain`, `fan_out`, `route` or `repeat`; compile it, or give it to a pattern as a step.

    Its input is `reads`, its output is `writes`: what a graph inside it keeps for itself stays inside.
    """

    kind: str
    """What it is: chain, fan-out, route or repeat; pictures say it."""
    name: str
    """The name it has as a step."""
    reads: tuple[str, ...]
    """The state keys that must be given."""
    writes: Mapping[str, Any]
    """The state keys that it gives, with their types."""
    output: str
    """The key of its result: what the last step writes."""
    optional: tuple[str, ...]
    """The state keys that it uses where they are given."""
    takes: Mapping[str, Any]
    """The types that its steps declare for what they read."""
    pausing: bool = False
    """Whether it is a fan-out with a worker that stops for a person."""
    settling: bool = False
    """Whether it is a fan-out with such workers, in none of which anything follows what the person is asked."""

    def __init__(
        self,
        name: str,
        *,
        kind: str,
        reads: Sequence[str],
        writes: Mapping[str, Any],
        output: str,
        keys: Mapping[str, Any],
        state: type | None = None,
        optional: Sequence[str] = (),
        takes: Mapping[str, Any] | None = None,
    ) -> None:
        """Make an empty graph whose state has `keys`, or is the type `state` where one is given."""
        if not name.replace("-", "_").replace(" ", "_").isidentifier():
            raise GraphBuildError(f"{name!r} cannot name a step; use letters, digits, '_' and '-'")
        whole = state or schema(f"{name}_state", keys)
        super().__init__(
            whole,
            input_schema=schema(f"{name}_input", {key: keys.get(key, Any) for key in (*reads, *optional)}),
            output_schema=schema(f"{name}_output", writes),
        )
        self.kind = kind
        self.name = name
        self.reads = tuple(reads)
        self.writes = dict(writes)
        self.output = output
        self.optional = tuple(optional)
        self.takes = dict(takes or {})

    def compile(self, checkpointer: Any = None, **given: Any) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Compile as every StateGraph; with a checkpointer, runs carry the graph's fingerprint."""
        made = super().compile(checkpointer, **given)
        return made if checkpointer in (None, True, False) else stamped(made, name=given.get("name") or self.name)


def schema(name: str, keys: Mapping[str, Any]) -> type:
    """Return a TypedDict with these keys, none of them required."""
    made: type = TypedDict(name, dict(keys), total=False)  # type: ignore[misc]
    return made


def merged(writes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the keys of several writers with one type each: a type that says something stands over `Any`."""
    return reduce(lambda left, right: {**left, **{k: both(left.get(k), t) for k, t in right.items()}}, writes, {})


def reduced(kind: Any) -> bool:
    """Whether a key's type names a reducer, so that several steps may write it at once."""
    return get_origin(kind) is Annotated and any(callable(mark) for mark in get_args(kind)[1:])
