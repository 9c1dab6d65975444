"""Meters: the tokens that a call of a worker cost, in whatever depth models were asked, and what the next may cost."""

import threading
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs

from treadle.nodes.estimates import tokens

ANSWER = 512
"""Tokens that an answer is expected to have before one was seen."""


class Meter(BaseCallbackHandler):
    """Adds up the tokens that models say they used, under one call's config."""

    run_inline = True

    def __init__(self) -> None:
        self.spent: float | None = None
        """In and out; None while no model has said."""
        self._mutex = threading.Lock()

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        """Add what a model's answer says of its tokens."""
        messages = (getattr(one, "message", None) for some in response.generations for one in some)
        used = [usage for message in messages if (usage := getattr(message, "usage_metadata", None))]
        if used:
            with self._mutex:
                self.spent = (self.spent or 0) + sum(one["total_tokens"] for one in used)

    def beside(self, config: RunnableConfig) -> RunnableConfig:
        """Return a config whose calls it hears of."""
        return merge_configs(config, {"callbacks": [self]})


class Costs:
    """What the calls of a run cost, against the text that they were given."""

    def __init__(self) -> None:
        self._given = self._spent = 0.0
        self._mutex = threading.Lock()

    def expected(self, given: Any) -> float:
        """Return the tokens that a call is expected to cost: by its text and an answer's, as far as seen so far."""
        plain = tokens(given) + ANSWER
        return plain * self._spent / self._given if self._given else plain

    def note(self, given: Any, spent: float | None) -> None:
        """Learn from a call."""
        if spent is not None:
            with self._mutex:
                self._given += tokens(given) + ANSWER
                self._spent += spent
