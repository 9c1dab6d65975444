"""Decisions as data for training, evaluation and other tools: streamed, and again from any point."""

from treadle.checkpoints.exports.forms import FORMS, Exported, export, lines
from treadle.checkpoints.exports.records import Record, records

__all__ = ["FORMS", "Exported", "Record", "export", "lines", "records"]
