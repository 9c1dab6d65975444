"""How steps are joined: chains, fan-outs, reviews, routes; drawing them; starting and resuming runs."""

from treadle.graphs.chains import chain
from treadle.graphs.fanouts import fan_out
from treadle.graphs.patterns import Pattern
from treadle.graphs.repeats import repeat
from treadle.graphs.reviews import Review, review
from treadle.graphs.routes import route

__all__ = ["Pattern", "Review", "chain", "fan_out", "repeat", "review", "route"]
