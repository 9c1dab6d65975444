"""A notice of what happened at the desk, and what can take it to people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Notice:
    """One event about one review, on its way to one channel; times are seconds since 1970, UTC."""

    id: str
    """The same at every attempt to deliver it, so that a receiver can tell a repetition."""
    event: str
    """``asked``, ``warned``, ``escalated``, ``due`` (without a default), ``defaulted``, ``decided``, ``disagreed``
    (blind votes), ``withdrawn`` (a decision), ``retracted`` (a question), ``refused`` (by the graph), ``taken_over``
    (a claim)."""
    review: str
    thread_id: str
    at: float
    about: Mapping[str, Any]
    """``graph``, ``gate``, ``title``, ``why``, ``assign``, ``priority``, ``due``; and, by event, ``by``, ``action``,
    ``to``, ``until``, ``problem``. Never the proposal."""

    def payload(self) -> dict[str, Any]:
        """Return the notice as plain data."""
        return {
            "id": self.id, "event": self.event, "review": self.review, "thread_id": self.thread_id, "at": self.at,
            **self.about,
        }  # fmt: skip


class Notifier(Protocol):
    """Takes notices somewhere."""

    @property
    def name(self) -> str:
        """What the channel is called in the database: one that is kept there and no secret."""
        ...

    def send(self, notice: Notice) -> None:
        """Deliver a notice, or raise: it is then sent again later. Called in a thread, perhaps twice for one notice."""
