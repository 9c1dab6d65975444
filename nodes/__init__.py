"""What one step does: prompts, models, gates, joins, the questions that reviews ask."""

from treadle.nodes.attachments import attachment
from treadle.nodes.confidences import Below
from treadle.nodes.functions import Function, step
from treadle.nodes.gates import Check, Gate, accept
from treadle.nodes.inquiries.deadlines import Deadline
from treadle.nodes.inquiries.panels import Panel
from treadle.nodes.inquiries.questions import Answer, Question
from treadle.nodes.inquiries.sources import Source
from treadle.nodes.joins import Join, Vote, as_list, as_text, merge, vote
from treadle.nodes.judges import best_of
from treadle.nodes.limits import Limit, limit
from treadle.nodes.models import Choice, choose, model
from treadle.nodes.opinions import Votes
from treadle.nodes.outcomes import Failure, Outcome
from treadle.nodes.outputs import Confidence
from treadle.nodes.policies.alternatives import race
from treadle.nodes.policies.batches import Batch
from treadle.nodes.policies.hedges import Hedge
from treadle.nodes.policies.identities import idempotency_key
from treadle.nodes.policies.retries import Retry
from treadle.nodes.prompts import Prompt, prompt
from treadle.nodes.selections import distinct, fold, rank
from treadle.nodes.steps import Step
from treadle.nodes.texts.stitches import stitch
from treadle.nodes.trees import tree

__all__ = [
    "Answer",
    "Batch",
    "Below",
    "Check",
    "Choice",
    "Confidence",
    "Deadline",
    "Failure",
    "Function",
    "Gate",
    "Hedge",
    "Join",
    "Limit",
    "Outcome",
    "Panel",
    "Prompt",
    "Question",
    "Retry",
    "Source",
    "Step",
    "Vote",
    "Votes",
    "accept",
    "as_list",
    "as_text",
    "attachment",
    "best_of",
    "choose",
    "distinct",
    "fold",
    "idempotency_key",
    "limit",
    "merge",
    "model",
    "prompt",
    "race",
    "rank",
    "step",
    "stitch",
    "tree",
    "vote",
]
