"""Deciding many questions of one shape: at once by a person, or one by one by a rule that stands."""

from treadle.checkpoints.bulks.previews import Outlier, Preview, Total, preview
from treadle.checkpoints.bulks.rules import Rule, enact, revoke, rule, rules
from treadle.checkpoints.bulks.sweeps import decide_all

__all__ = ["Outlier", "Preview", "Rule", "Total", "decide_all", "enact", "preview", "revoke", "rule", "rules"]
