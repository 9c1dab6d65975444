"""Where each decision of a review leads: to which step, and how the question says so."""

from collections.abc import Sequence
from typing import Any, Literal

from langgraph.graph import END

from treadle.errors import GraphBuildError
from treadle.nodes.inquiries.reviews import Review

ASIDE = {"reject": "rejected", "respond": "sent back"}
"""The actions that may lead elsewhere than onward, and what the edges are called that they lead along."""


def target(gate: Review, action: Literal["reject", "respond"], names: Sequence[str], writer: str | None) -> Any:
    """Return where an action leads: as the review says, or back to the prompt that wrote its key.

    `names` are the steps before the review, `writer` is the one to go back to.

    Raises:
        GraphBuildError: for an action that leads nowhere.
    """
    given = getattr(gate, action)
    ends = (END,) if action == "reject" else ()
    if given is None and writer is None:
        others = ", reject=END, or reject=another step" if ends else ""
        raise GraphBuildError(
            f"review {gate.name!r} lets a person {action} {gate.key!r}, and that leads nowhere; give "
            f"{action}='step' (an earlier step){others}, or leave {action!r} out of actions"
        )
    if isinstance(given, str) and given not in (*ends, *names):
        raise GraphBuildError(
            f"review {gate.name!r} leads by {action!r} to {given!r}, which is no earlier step of its chain; "
            f"those are {', '.join(names) or 'none'}"
        )
    return writer if given is None else given


def spoken(gate: Review, after: str) -> dict[str, str]:
    """Return in words what follows from each action, where the chain goes on to `after` (or ends: an empty text)."""
    onward = f"goes on to {after}" if after else "stands"
    if not isinstance(gate.reject, str):
        refused = f"{getattr(gate.reject, 'name', 'another step')} is taken instead"
    else:
        refused = "the run ends here" if gate.reject == END else f"goes back to {gate.reject} with your words"
    return {
        "approve": f"the proposal {onward}",
        "edit": f"your version {onward}",
        "take_over": f"what you give {onward}",
        "reject": refused,
        "respond": f"your words go back to {gate.respond}",
    }
