"""Questions that stand side by side: those of one fan-out's branches, whose answers can be taken over together.

LangGraph runs every branch that still waits again whenever a run goes on. Where nothing follows a question in its
branch, a run that goes on with one answer gains nothing before the others are there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

KEY = "__treadle_company"
"""Where a configuration tells the reviews inside a fan-out's branches of what stands beside them."""

PATIENCE = 3600.0
"""Seconds for which an answer waits at most for those to the other branches, where nothing follows it in its own."""


@dataclass(frozen=True)
class Company:
    """The branches that a question stands among."""

    place: str
    """The checkpoint namespace of their fan-out."""
    seconds: float
    """For how long an answer waits for those to the others, at most."""

    def around(self, config: RunnableConfig) -> RunnableConfig:
        """Return a config that tells of it; a fan-out around this one goes before it."""
        given = config.get("configurable", {})
        return config if KEY in given else {**config, "configurable": {**given, KEY: self}}

    def payload(self, actions: tuple[str, ...]) -> Mapping[str, Any]:
        """Return it as plain data, with the actions after which nothing follows in a branch."""
        return {**asdict(self), "actions": list(actions)}


def company(config: RunnableConfig) -> Company | None:
    """Return what stands beside a step, as far as its answers can wait for it."""
    found = config.get("configurable", {}).get(KEY)
    return found if isinstance(found, Company) else None
