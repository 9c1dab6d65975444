"""What a prompt sends a model: system text, examples, earlier messages, the question, and what reviewers said."""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, get_buffer_string
from langchain_core.prompt_values import PromptValue

from treadle.errors import GraphBuildError
from treadle.nodes.attachments import blocks
from treadle.nodes.histories import past
from treadle.nodes.prompts import Prompt
from treadle.nodes.requests import spoken
from treadle.nodes.steps import State
from treadle.nodes.templates import shown


class Conversation(PromptValue):
    """Messages as a model takes them: unlike ChatPromptValue it checks nothing, since messages are checked already."""

    messages: Any

    def to_messages(self) -> list[BaseMessage]:
        """Return the messages."""
        return list(self.messages)

    def to_string(self) -> str:
        """Return the messages as one text."""
        return get_buffer_string(self.messages)


def sent(prompt: Prompt, state: State) -> list[BaseMessage]:
    """Return what the model is sent: what a review let pass, or else what is composed.

    Raises:
        GraphBuildError: for a prompt with a review that is in no chain, so that nobody reviewed it.
    """
    if prompt.review is not None:
        raise GraphBuildError(f"prompt {prompt.name!r} has a review, which only a chain puts before it: chain(...)")
    messages = composed(prompt, state)
    return messages if prompt.request is None else spoken(state[prompt.request], messages)


def composed(prompt: Prompt, state: State) -> list[BaseMessage]:
    """Return the filled templates: system text, examples, history, the question, and a reviewer's rejections."""
    messages: list[BaseMessage] = [SystemMessage(prompt.system.fill(state))] if prompt.system else []
    for words, answer in prompt.examples:
        messages += (HumanMessage(words), AIMessage(shown(answer)))
    if prompt.history:
        messages += past(state.get(prompt.history), step=prompt.name)
    messages.append(question(prompt, state))
    return messages + _rejections(prompt, state)


def question(prompt: Prompt, state: State) -> HumanMessage:
    """Return the filled template, with what is attached to it."""
    words = prompt.template.fill(state)
    attached = blocks(state, prompt.attach, step=prompt.name) if prompt.attach else []
    return HumanMessage([{"type": "text", "text": words}, *attached]) if attached else HumanMessage(words)


def asked(prompt: Prompt, state: State) -> BaseMessage:
    """Return the question as it was sent, a reviewer's changes included."""
    messages = sent(prompt, state)
    place = len(composed(prompt, state)) - 1 - len(_rejections(prompt, state))
    return messages[place] if place < len(messages) else question(prompt, state)


def _rejections(prompt: Prompt, state: State) -> list[BaseMessage]:
    """The turns that tell the model what reviewers said of its earlier answers."""
    turns: list[BaseMessage] = []
    for entry in state.get(f"{prompt.into}_reviews") or ():
        if entry["action"] in ("reject", "respond"):
            turns += (AIMessage(shown(entry["proposal"])), HumanMessage(_rejection(entry)))
    return turns


def _rejection(entry: Mapping[str, Any]) -> str:
    told = ". ".join(str(part).rstrip(".") for part in (entry.get("reason"), entry.get("words")) if part)
    verb = "rejected this answer" if entry["action"] == "reject" else "says of this answer"
    return f"A reviewer {verb}: {told or 'no reason was given'}. Answer again, taking that into account."
