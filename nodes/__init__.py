"""What one step does: prompts, models, gates, joins, the questions that reviews ask."""

from treadle.nodes.attachments import attachment
from treadle.nodes.gates import Check, Gate, accept
from treadle.nodes.joins import Join, Vote, as_list, as_text, merge, vote
from treadle.nodes.models import Choice, choose, model
from treadle.nodes.outcomes import Failure, Outcome
from treadle.nodes.outputs import Confidence
from treadle.nodes.prompts import Prompt, prompt
from treadle.nodes.questions import Answer, Question
from treadle.nodes.steps import Function, Step, step

__all__ = [
    "Answer",
    "Check",
    "Choice",
    "Confidence",
    "Failure",
    "Function",
    "Gate",
    "Join",
    "Outcome",
    "Prompt",
    "Question",
    "Step",
    "Vote",
    "accept",
    "as_list",
    "as_text",
    "attachment",
    "choose",
    "merge",
    "model",
    "prompt",
    "step",
    "vote",
]
