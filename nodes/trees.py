"""`tree`: a join that sums texts up, and the summaries, level by level, with no more of them at hand than it needs."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.errors import GraphBuildError
from treadle.nodes.estimates import tokens as expected
from treadle.nodes.outcomes import Outcome, values
from treadle.nodes.steps import Ask, Effect, Step
from treadle.nodes.templates import shown

Asking = Generator[Effect, Any, None]


def tree(
    summary: Step, *, key: str = "parts", budget: int = 4000, tokens: Callable[[str], int] | None = None
) -> "Tree":
    """Join texts by summarising them, and the summaries, until one is left.

    `summary` is a step (a prompt) that reads the parts, a text, under `key`. As many parts go together as fit into
    `budget` tokens, two at least; `tokens` counts them (default: a token for four characters).
    """
    if tuple(summary.reads) != (key,):
        raise GraphBuildError(f"summary {summary.name!r} must read {key!r} alone, and reads {', '.join(summary.reads)}")
    return Tree(summary, key, budget, tokens or expected)


@dataclass(frozen=True)
class Tree:
    """See `tree`."""

    summary: Step
    key: str
    budget: int
    tokens: Callable[[str], int]

    def joined(self, outcomes: list[Outcome], config: RunnableConfig) -> Generator[Effect, Any, Any]:
        """Summarise until one text is left; none make an empty one."""
        levels = Levels(self, config)
        yield from levels.add(outcomes)
        return (yield from levels.top())


@dataclass
class Group:
    """Texts of one level that wait for more."""

    texts: list[str] = field(default_factory=list)
    tokens: int = 0


@dataclass
class Levels:
    """A tree under way: on each level a group, which is no larger than fits together."""

    tree: Tree
    config: RunnableConfig
    groups: list[Group] = field(default_factory=lambda: [Group()])

    def add(self, outcomes: list[Outcome]) -> Asking:
        """Take more outcomes in; a group that is full is summarised at once."""
        for value in values(outcomes):
            yield from self._add(shown(value), 0)

    def top(self) -> Generator[Effect, Any, str]:
        """Summarise what is left, from the lowest level up."""
        level = 0
        while level < len(self.groups) - 1 or len(self.groups[level].texts) > 1:
            yield from self._lift(level)
            level += 1
        return "".join(self.groups[level].texts)

    def _add(self, text: str, level: int) -> Asking:
        if level == len(self.groups):
            self.groups.append(Group())
        size, group = self.tree.tokens(text), self.groups[level]
        if len(group.texts) >= 2 and group.tokens + size > self.tree.budget:
            yield from self._lift(level)
        group = self.groups[level]
        group.texts.append(text)
        group.tokens += size

    def _lift(self, level: int) -> Asking:
        """Put one text in place of a level's, on the next one."""
        texts, self.groups[level] = self.groups[level].texts, Group()
        text = texts[0] if len(texts) == 1 else (yield from self._summary(texts))
        yield from self._add(text, level + 1)

    def _summary(self, texts: list[str]) -> Generator[Effect, Any, str]:
        update = yield Ask(self.tree.summary, {self.tree.key: "\n\n".join(texts)}, self.config)
        return shown(next(iter(update.values())))
