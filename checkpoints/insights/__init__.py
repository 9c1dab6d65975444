"""What decisions teach: where the model errs, what people change, how they agree, how carefully they look."""

from treadle.checkpoints.insights.agreements import Agreement, Pair, agreement
from treadle.checkpoints.insights.changes import Change, Said, edits, said
from treadle.checkpoints.insights.overturns import Band, Overturns, Threshold, overturns
from treadle.checkpoints.insights.paces import Pace, paces
from treadle.checkpoints.insights.seeds import Seed, seed, seeds

__all__ = [
    "Agreement",
    "Band",
    "Change",
    "Overturns",
    "Pace",
    "Pair",
    "Said",
    "Seed",
    "Threshold",
    "agreement",
    "edits",
    "overturns",
    "paces",
    "said",
    "seed",
    "seeds",
]
