"""What a waiting review asks, whoever wrote the question, and how a reviewer's action becomes the answer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from treadle.checkpoints.reviews import Review
from treadle.ui.fields import ABSENT, said
from treadle.ui.schemas import Schema

Shape = Literal["treadle", "calls", "call", "inbox", "open"]
"""Who asks: a review of treadle's, LangChain's middleware (batched, or per call), Agent Inbox, anything else."""

NAMES: Final = {
    "approve": "Approve",
    "edit": "Edit",
    "reject": "Reject",
    "respond": "Respond",
    "ignore": "Ignore",
    "answer": "Answer",
}
"""Actions as the buttons call them."""

DONE: Final = {
    "approve": "Approved",
    "edit": "Edited",
    "reject": "Rejected",
    "respond": "Responded to",
    "ignore": "Ignored",
    "answer": "Answered",
}
"""Actions as the record tells of them."""


@dataclass(frozen=True)
class Ask:
    """A question, in the same words whoever asked it."""

    shape: Shape
    title: str
    actions: tuple[str, ...]
    why: str = ""
    note: str = ""
    proposal: Any = ABSENT
    """What the run would go on with; ABSENT if nothing is proposed."""
    context: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    """A text, with ``start`` and ``end`` of the part that matters."""
    schema: Schema = field(default_factory=dict)
    """Of what an edit (or an answer) gives."""
    root: Schema = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    leads_to: Mapping[str, str] = field(default_factory=dict)
    round: int = 1
    rounds: int | None = None
    history: Sequence[Mapping[str, Any]] = ()
    calls: tuple[str, ...] = ()
    """Names of the tools that the answer is about."""

    @property
    def edited(self) -> Any:
        """What an edit starts from."""
        return ABSENT if self.shape == "open" else self.proposal


def ask(review: Review) -> Ask:
    """Read the question out of a review's value."""
    value = review.value
    if isinstance(value, Mapping):
        if isinstance(value.get("actions"), list) and "proposal" in value:
            return _treadle(review, value)
        if _mappings(value.get("action_requests")):
            return _calls(value)
        if value.get("type") == "tool_approval" and isinstance(value.get("args"), Mapping):
            return _call(value, review.schema)
    first = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(first, Mapping) and isinstance(first.get("action_request"), Mapping):
        return _inbox(first)
    return _open(review)


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _treadle(review: Review, value: Mapping[str, Any]) -> Ask:
    root = review.schema or {}
    properties = root.get("properties")
    history, context = value.get("history"), value.get("context")
    return Ask(
        shape="treadle",
        title=str(value.get("title") or review.title or said(review.node)),
        actions=tuple(action for action in map(str, value["actions"])),
        why=str(value.get("why") or ""),
        note=str(value.get("note") or ""),
        proposal=value["proposal"],
        context=context if isinstance(context, Mapping) else {},
        source=_source(value),
        schema=properties.get("value", {}) if isinstance(properties, Mapping) else {},
        root=root,
        reasons=tuple(map(str, value.get("reasons") or ())),
        leads_to=_words(value.get("leads_to")),
        round=_number(value.get("round")) or 1,
        rounds=_number(value.get("rounds")),
        history=history if _mappings(history) else (),  # type: ignore[arg-type]
    )


def _source(value: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = value.get("source")
    return found if isinstance(found, Mapping) and isinstance(found.get("text"), str) else None


def _words(value: Any) -> Mapping[str, str]:
    return {str(key): str(part) for key, part in value.items()} if isinstance(value, Mapping) else {}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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


def _open(review: Review) -> Ask:
    value = review.value
    text = value if isinstance(value, str) else ""
    first = text.strip().partition("\n")[0]
    title = review.title or _headline(first, value) or f"A question from {said(review.node).lower()}"
    shown = ABSENT if title == text.strip() else value
    return Ask(
        shape="open",
        title=title,
        actions=("answer",),
        why=review.why or "",
        proposal=shown,
        schema=review.schema or {},
        root=review.schema or {},
    )


def _headline(first: str, value: Any) -> str:
    """What a question that has no title may be called: its first line, or what it says under a usual name."""
    named = [value.get(key) for key in ("title", "question", "message", "prompt")] if isinstance(value, Mapping) else []
    lines = [first, *(one.strip() for one in named if isinstance(one, str))]
    return next((one for one in lines if one and len(one) <= 120 and "\n" not in one), "")


def answer(
    ask: Ask, action: str, *, value: Any = ABSENT, reason: str | None = None, words: str | None = None
) -> dict[str, Any]:
    """The arguments with which `decide` records the action, besides who decides."""
    said_ = {"reason": reason or None, "words": words or None}
    match ask.shape:
        case "treadle":
            edit = {"value": value} if value is not ABSENT and action == "edit" else {}
            return {"action": action, **edit, **said_}
        case "calls":
            return {"action": action, "answer": {"decisions": _decisions(ask, action, value, reason, words)}, **said_}
        case "call":
            return {"action": action, "answer": _decisions(ask, action, value, reason, words)[0], **said_}
        case "inbox":
            return {"action": action, "answer": [_accepted(ask, action, value, words)], **said_}
    return {"answer": value}


def _decisions(ask: Ask, action: str, value: Any, reason: str | None, words: str | None) -> list[dict[str, Any]]:
    """One decision a call, in the middleware's form."""
    message = ". ".join(part for part in (reason, words) if part)
    if action == "edit":
        edited = [value] if len(ask.calls) == 1 else list(value.values())
        return [
            {"type": "edit", "edited_action": {"name": name, "args": args}}
            for name, args in zip(ask.calls, edited, strict=True)
        ]
    told = {"message": message} if message or action == "respond" else {}
    return [{"type": action, **(told if action in ("reject", "respond") else {})} for _ in ask.calls]


def _accepted(ask: Ask, action: str, value: Any, words: str | None) -> dict[str, Any]:
    """An Agent Inbox answer."""
    match action:
        case "edit":
            return {"type": "edit", "args": {"action": ask.calls[0], "args": value}}
        case "respond":
            return {"type": "response", "args": words or ""}
        case "ignore":
            return {"type": "ignore", "args": None}
    return {"type": "accept", "args": None}
