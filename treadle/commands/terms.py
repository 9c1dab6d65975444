"""The terms of a question in words: who may decide, how many must, until when, and what holds then."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from treadle.commands.printing import when

if TYPE_CHECKING:
    from treadle.checkpoints.reviews import Review


def terms(review: "Review") -> Iterator[str]:
    """What a reviewer must know beside the question itself, a sentence each; nothing for a question without terms."""
    value = review.value if isinstance(review.value, Mapping) else {}
    yield from _people(review)
    if review.claim is not None and review.claim.expires_at > time.time():
        yield f"{review.claim.by} has it before them until {when(review.claim.expires_at)}."
    if review.due is not None:
        yield f"Due {when(review.due)}{_then(value.get('default'))}."
    if review.status == "decided" and review.held_until is not None and review.held_until > time.time():
        yield f"The decision can be taken back until {when(review.held_until)}."


def _people(review: "Review") -> Iterator[str]:
    panel = review.panel
    if panel.roles:
        yield f"Who decides holds the role {' or '.join(sorted(panel.roles))}."
    if panel.many:
        unseen = ", each without seeing the others' answers" if panel.blind else ""
        yield f"{panel.quorum} people must answer alike{unseen}."
        if panel.veto:
            yield f"A rejection by {' or '.join(sorted(panel.veto))} decides alone."
    if panel.requester:
        yield f"{panel.requester} asked for it and may not decide."


def _then(default: Any) -> str:
    """What holds at the due time, for the end of a sentence."""
    if not isinstance(default, Mapping) or not default.get("action"):
        return ""
    words = f" ({default['words']})" if default.get("words") else ""
    return f": if nobody has decided, {default['action']} is what holds{words}"
