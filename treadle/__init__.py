"""Chains, fan-outs and human review as ordinary LangGraph graphs.

`chain` joins steps in a row, `fan_out` runs a worker over many items, `review` lets a person decide; `route` and
`repeat` take a condition and a bounded loop. Steps are in `treadle.nodes`, the store in `treadle.checkpoints`.
"""

from treadle.errors import TreadleError
from treadle.graphs import Pattern, chain, fan_out, repeat, review, route

__all__ = ["Pattern", "TreadleError", "chain", "fan_out", "repeat", "review", "route"]
