"""Chains, fan-outs and human review as ordinary LangGraph graphs.

`chain` joins steps in a row, `fan_out` runs a worker over many items, `review` lets a person decide; `route` and
`repeat` take a condition and a bounded loop. Steps are in `treadle.nodes`, the store in `treadle.checkpoints`.
"""

from typing import TYPE_CHECKING, Any

from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.graphs import Pattern, chain, fan_out, repeat, review, route

__all__ = ["Pattern", "TreadleError", "chain", "fan_out", "repeat", "review", "route"]


def __getattr__(name: str) -> Any:
    """Load the patterns when the first of them is asked for: LangGraph takes seconds, and `--help` needs none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from treadle import graphs

    return getattr(graphs, name)


def __dir__() -> list[str]:
    return __all__
