"""What a service says of an answer that is not whole: it was cut short, kept back, or cannot be read."""

from langchain_core.messages import BaseMessage

from treadle.errors import AnswerBlocked, AnswerCut, OutputInvalid
from treadle.nodes.bedrock.advices import Place
from treadle.nodes.endings import CUT, cut

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
    if (word := cut(message)) is not None:
        short = AnswerCut(f"{place}: the answer was cut short ({word}); {CUT[word]}")
        short.partial = message
        raise short
    if reason in BLOCKED:
        blocked = AnswerBlocked(f"{place}: {BLOCKED[reason]}, and said instead: {message.text[:300]!r}")
        blocked.partial = message
        raise blocked
    if reason in MALFORMED:
        raise OutputInvalid(f"{place}: the model's answer cannot be read ({reason})")
