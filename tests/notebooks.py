"""A recorder that keeps a run's trace in a list."""

from collections.abc import Mapping
from typing import Any

from langchain_core.runnables import RunnableConfig


class Notebook:
    """Keeps entries, and no results."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []

    def recall(self, thread_id: str, key: str) -> tuple[Any] | None:
        return None

    def remember(self, thread_id: str, key: str, value: Any) -> None:
        raise AssertionError("a prompt keeps no results")

    def trace(self, thread_id: str, entry: Mapping[str, Any]) -> None:
        self.entries.append(entry)

    def config(self, **more: Any) -> RunnableConfig:
        """A configuration such as LangGraph hands to a node."""
        return {"configurable": {"thread_id": "t", "checkpoint_ns": "rate:1", "any private key": self, **more}}
