"""Questions that other people's agents ask: LangChain's middleware, and Agent Inbox."""

from collections.abc import Mapping, Sequence
from typing import Any

from treadle.checkpoints.reviews import Review
from treadle.ui.fields import said
from treadle.ui.parts.actions import NAMES
from treadle.ui.parts.asks import Ask
from treadle.ui.schemas import Schema


def foreign(review: Review) -> Ask | None:
    """Read the question of a client that is known by its form; None for any other."""
    value = review.value
    if isinstance(value, Mapping):
        if mappings(value.get("action_requests")):
            return _calls(value)
        if value.get("type") == "tool_approval" and isinstance(value.get("args"), Mapping):
            return _call(value, review.schema)
    first = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(first, Mapping) and isinstance(first.get("action_request"), Mapping):
        return _inbox(first)
    return None


def mappings(value: Any) -> bool:
    """Whether a value is a list of objects, and not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _calls(value: Mapping[str, Any]) -> Ask:
    """LangChain's middleware, all calls of a turn in one question: what every call allows can be done."""
    requests = value["action_requests"]
    names = tuple(str(one.get("name") or one.get("action") or "a tool") for one in requests)
    policies = value.get("review_configs") or ()
    allowed = [set(one.get("allowed_decisions") or ()) for one in policies if isinstance(one, Mapping)]
    common = set.intersection(*allowed) if allowed else {"approve", "edit", "reject"}
    arguments = [one.get("args", one.get("arguments", {})) for one in requests]
    told = [str(one["description"]) for one in requests if one.get("description")]
    return Ask(
        shape="calls",
        title=f"Run {', '.join(names)}?",
        actions=tuple(name for name in NAMES if name in common),
        why="an agent asks before it runs a tool"
        if len(names) == 1
        else f"an agent asks before it runs {len(names)} tools",
        proposal=arguments[0] if len(names) == 1 else dict(zip(_numbered(names), arguments, strict=True)),
        context={"description": "\n\n".join(told)} if told else {},
        calls=names,
    )


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"{place} {name}" for place, name in enumerate(names, start=1)]


def _call(value: Mapping[str, Any], schema: Schema | None) -> Ask:
    """LangChain's middleware, one call a question."""
    text = str(schema or "")
    allowed = [name for name in ("approve", "edit", "reject", "respond") if schema is None or f"'{name}'" in text]
    name, told = str(value.get("name") or "a tool"), str(value.get("description") or "")
    return Ask(
        shape="call",
        title=f"Run {name}?",
        actions=tuple(allowed or ("approve", "reject")),
        why="an agent asks before it runs a tool",
        proposal=value["args"],
        context={"description": told} if told else {},
        calls=(name,),
    )


def _inbox(value: Mapping[str, Any]) -> Ask:
    request, config = value["action_request"], value.get("config")
    config = config if isinstance(config, Mapping) else {}
    name, told = str(request.get("action") or "an action"), value.get("description")
    flags = {"approve": "allow_accept", "edit": "allow_edit", "respond": "allow_respond", "ignore": "allow_ignore"}
    actions = tuple(action for action, flag in flags.items() if config.get(flag, not config))
    return Ask(
        shape="inbox",
        title=said(name),
        actions=actions or ("approve",),
        proposal=request.get("args", {}),
        context={"description": told} if told else {},
        calls=(name,),
    )
