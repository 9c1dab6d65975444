"""Redactions: what of an exchange is not to be kept in the trace."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from treadle.nodes.templates import shown

ALL = "*"
"""Stands for everything that was said: prompts, responses and values."""

LEAST = 4
"""Characters from which on a value is searched for in other texts: shorter ones are found everywhere."""


def redacted(keys: Sequence[str], state: Mapping[str, Any], config: RunnableConfig) -> "Redaction":
    """Return the redaction of a step's own keys, and of those that the run names under ``redact``.

    The run's are a text, so that they are kept with it: ``{"configurable": {"redact": "patient, letter"}}``.
    """
    asked = str(config.get("configurable", {}).get("redact") or "")
    wanted = dict.fromkeys([*keys, *(part.strip() for part in asked.split(",") if part.strip())])
    found = {key: value for key in wanted if (value := _at(state, key)) is not None}
    return Redaction(tuple(wanted), tuple(_words(found)))


@dataclass(frozen=True)
class Redaction:
    """Leaves the values of some keys out of what is recorded, wherever they are said."""

    keys: tuple[str, ...] = ()
    """State keys, such as ``patient`` or ``patient.name``; ``*`` is everything."""
    words: tuple[tuple[str, str], ...] = ()
    """What is replaced in texts, and by what; the longest first."""

    @property
    def whole(self) -> bool:
        """Whether nothing that was said is kept."""
        return ALL in self.keys

    def text(self, text: str) -> str:
        """Return a text without the values."""
        if self.whole:
            return ""
        for word, mark in self.words:
            text = text.replace(word, mark)
        return text

    def value(self, value: Any) -> Any:
        """Return plain data without the values."""
        if self.whole:
            return None
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def also(self, key: str, value: Any) -> "Redaction":
        """Return the redaction once a step has written a key."""
        if key not in self.keys or self.whole:
            return self
        return Redaction(self.keys, tuple(dict.fromkeys([*_words({key: value}), *self.words])))


def _words(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    said = {text: f"[{key}]" for key, value in found.items() for text in _texts(value)}
    return sorted(said.items(), key=lambda pair: -len(pair[0]))


def _texts(value: Any) -> Iterator[str]:
    """How a value may be said: whole, as a prompt shows it, and each of its longer texts."""
    if shown(value).strip():
        yield shown(value)
    for leaf in _leaves(value):
        if len(leaf) >= LEAST and leaf.strip():
            yield leaf


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)


def _at(state: Mapping[str, Any], key: str) -> Any:
    value: Any = state
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
