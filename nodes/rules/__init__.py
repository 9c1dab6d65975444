"""The embedded model: word lists and TextRank, no language model."""

from treadle.nodes.rules.models import GOOD_FOR, NOTE, RulesModel

__all__ = ["GOOD_FOR", "NOTE", "RulesModel"]
