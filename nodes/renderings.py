"""The step that puts a prompt's request together before a person reviews it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.nodes.compositions import composed
from treadle.nodes.prompts import Prompt
from treadle.nodes.requests import Turn, turn
from treadle.nodes.steps import State, Step, Work


@dataclass(frozen=True)
class Rendering(Step):
    """Fills a prompt's template, so that a review can show what the model will be sent."""

    prompt: Prompt
    into: str

    @property
    def name(self) -> str:  # type: ignore[override]
        """The prompt's name, as that of a request."""
        return f"{self.prompt.name}_request"

    @property
    def reads(self) -> tuple[str, ...]:
        """What the prompt reads."""
        return self.prompt.reads

    @property
    def optional(self) -> tuple[str, ...]:
        """What the prompt reads where it is there."""
        return self.prompt.optional

    @property
    def takes(self) -> Mapping[str, Any]:
        """What the prompt takes."""
        return self.prompt.takes

    @property
    def writes(self) -> Mapping[str, Any]:
        """The messages."""
        return {self.into: list[Turn]}

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Fill the template."""
        yield from ()
        return {self.into: [turn(message) for message in composed(self.prompt, state)]}
