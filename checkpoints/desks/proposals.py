"""What a question proposes and what an answer puts in its place, whichever client's form the two have."""

from collections.abc import Mapping
from typing import Any

from treadle.checkpoints.desks.answers import UNSET


def proposed(question: Any) -> Any:
    """What the run would go on with: treadle's proposal, or an action's arguments; UNSET for none."""
    if not isinstance(question, Mapping):
        return UNSET
    if "proposal" in question:
        return question["proposal"]
    one = question.get("action_request") or _only(question.get("action_requests")) or question
    return next((one[name] for name in ("args", "arguments") if isinstance(one, Mapping) and name in one), UNSET)


def edited(answer: Any) -> Any:
    """What an answer goes on with in place of the proposal; UNSET where it is no edit."""
    one = _only(answer) if isinstance(answer, list) else answer
    if not isinstance(one, Mapping):
        return UNSET
    if one.get("action") == "edit":
        return one.get("value", UNSET)
    one = _only(one.get("decisions")) or one
    if not isinstance(one, Mapping) or one.get("type") != "edit":
        return UNSET
    action = one.get("edited_action", one.get("args"))
    return action.get("args", UNSET) if isinstance(action, Mapping) else UNSET


def _only(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else None
