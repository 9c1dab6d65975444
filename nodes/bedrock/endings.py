"""How an answer ended: whole, cut short, or kept back."""

from langchain_core.messages import BaseMessage

from treadle.errors import AnswerBlocked, AnswerCut, OutputInvalid
from treadle.nodes.bedrock.advices import Place

CUT = {
    "max_tokens": "raise max_tokens= or ask for less",
    "model_context_window_exceeded": "shorten the prompt: the context is full",
}
BLOCKED = {
    "guardrail_intervened": "a guardrail intervened",
    "content_filtered": "the model's content filter intervened",
}
MALFORMED = {"malformed_model_output", "malformed_tool_use"}


def checked(message: BaseMessage, place: Place) -> None:
    """See that a message is whole.

    Raises:
        AnswerCut: it ended at `max_tokens` or at the end of the context; its `partial` is the message.
        AnswerBlocked: a guardrail or a filter kept it back; its `partial` is the message that came instead.
        OutputInvalid: the service could not read what the model said.
    """
    reason = message.response_metadata.get("stopReason")
    if reason in CUT:
        cut = AnswerCut(f"{place}: the answer was cut short ({reason}); {CUT[reason]}")
        cut.partial = message
        raise cut
    if reason in BLOCKED:
        blocked = AnswerBlocked(f"{place}: {BLOCKED[reason]}, and said instead: {message.text[:300]!r}")
        blocked.partial = message
        raise blocked
    if reason in MALFORMED:
        raise OutputInvalid(f"{place}: the model's answer cannot be read ({reason})")
