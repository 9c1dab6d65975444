"""Agents of LangChain's with tools that record what they did, asking a person before each."""

from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool

PAID: list[tuple[str, int]] = []
"""What the tool `pay` did, in order."""


@tool
def pay(to: str, amount: int) -> str:
    """Pay someone."""
    PAID.append((to, amount))
    return f"paid {amount} to {to}"


class Caller(BaseChatModel):
    """Calls `pay` for each of some payments in its first turn, and ends in its second with what it was told."""

    payments: tuple[tuple[str, int], ...]

    @property
    def _llm_type(self) -> str:
        return "caller"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        told = [message.text for message in messages if message.type == "tool"]
        calls = [
            {"name": "pay", "args": {"to": to, "amount": amount}, "id": f"call-{place}"}
            for place, (to, amount) in enumerate(self.payments)
        ]
        reply = AIMessage("; ".join(told)) if told else AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=reply)])


def agent(saver: Any, mode: Any, *payments: tuple[str, int]) -> Any:
    """An agent that wants to make some payments, and asks first: once a turn (``batched``) or once a call."""
    decisions: Any = ["approve", "edit", "reject", "respond"]
    asks = HumanInTheLoopMiddleware(
        interrupt_on={"pay": {"allowed_decisions": decisions}}, interrupt_mode=mode
    )  # fmt: skip
    return create_agent(Caller(payments=payments), [pay], middleware=[asks], checkpointer=saver)
