"""The forms in which clients of LangGraph put questions and give answers: Agent Inbox's, and LangChain's since v1.

A question of treadle's is put in both beside its own; an answer in either is read as one of treadle's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

REQUESTS: Final = ("action_request", "config", "description", "action_requests", "review_configs")
"""The keys of a question under which it is put once more, for other clients."""

TOGETHER: Final = "together"
"""The key under which it says with which others its answer can be taken over; not part of what is decided on."""


def _form(type_: Any, needed: Mapping[str, Any] | None = None, optional: Mapping[str, Any] | None = None) -> Any:
    properties = {"type": {"enum": type_}, **(needed or {}), **(optional or {})}
    required = ["type", *(needed or {})]
    return {"type": "object", "properties": properties, "required": required, "propertyNames": {"enum": [*properties]}}


_TEXT, _MAYBE = {"type": "string"}, {"type": ["string", "null"]}
_ACTION = {"type": "object", "required": ["args"], "properties": {"args": {}}}
_RESPONSE = {
    "anyOf": [_form(["accept", "ignore"], optional={"args": _MAYBE}), _form(["response"], {"args": _TEXT}),
              _form(["edit"], {"args": _ACTION})]
}  # fmt: skip
_DECISION = {
    "anyOf": [_form(["approve", "reject"], optional={"message": _MAYBE}), _form(["respond"], {"message": _TEXT}),
              _form(["edit"], {"edited_action": _ACTION})]
}  # fmt: skip
_DECISIONS = {"type": "array", "minItems": 1, "maxItems": 1, "items": _DECISION}

OTHERS: Final[Sequence[Mapping[str, Any]]] = (
    {"title": "Agent Inbox", "type": "array", "minItems": 1, "maxItems": 1, "items": _RESPONSE},
    {"title": "Agent Inbox, one response", **_RESPONSE},
    {
        "title": "LangChain", "type": "object", "required": ["decisions"], "properties": {"decisions": _DECISIONS},
        "propertyNames": {"enum": ["decisions"]},
    },
    {"title": "LangChain, one decision", **_DECISION},
)  # fmt: skip
"""JSON Schemas of the answers of other clients to a question about one proposal."""

Verb = Literal["approve", "edit", "reject", "respond", "ignore"]

_VERBS: Final[Mapping[str, Verb]] = {
    "accept": "approve", "approve": "approve", "edit": "edit", "reject": "reject",
    "response": "respond", "respond": "respond", "ignore": "ignore",
}  # fmt: skip


@dataclass(frozen=True)
class Said:
    """What a client's answer says of one proposal."""

    verb: Verb
    name: str | None = None
    """The action that an edit names."""
    args: Any = None
    """The arguments that an edit gives."""
    words: str | None = None


def requests(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question of treadle's as other clients put one; a proposal that is no object is its ``value``."""
    name, offered = question["gate"], set(question["actions"])
    proposal = question["proposal"]
    args = proposal if isinstance(proposal, Mapping) else {"value": proposal}
    told = "\n\n".join(str(question[key]) for key in ("title", "note", "why") if question.get(key))
    edits = bool(offered & {"edit", "take_over"})
    allowed = {"approve": "approve" in offered, "edit": edits, "reject": "reject" in offered}
    return {
        "action_request": {"action": name, "args": args},
        "config": {
            "allow_accept": allowed["approve"],
            "allow_edit": edits,
            "allow_respond": bool(offered & {"respond", "reject"}),
            "allow_ignore": allowed["reject"],
        },
        "description": told,
        "action_requests": [{"name": name, "args": args, "arguments": args, "description": told}],
        "review_configs": [
            {
                "action_name": name,
                "allowed_decisions": [
                    verb for verb, may in {**allowed, "respond": "respond" in offered}.items() if may
                ],
            }
        ],
    }


def own(value: Any) -> Any:
    """Return what a question of treadle's asks, without what it says to other clients; any other value as it is."""
    if not isinstance(value, Mapping) or value.get("kind") != "treadle.review":
        return value
    return {key: part for key, part in value.items() if key not in (*REQUESTS, TOGETHER)}


def read(answer: Any) -> list[Said] | None:
    """Return what a client's answer says, proposal by proposal, or None for what is in neither form.

    >>> read([{"type": "accept", "args": None}])
    [Said(verb='approve', name=None, args=None, words=None)]
    >>> read({"decisions": [{"type": "reject", "message": "too much"}]})[0].words
    'too much'
    """
    several = answer.get("decisions") if isinstance(answer, Mapping) and set(answer) == {"decisions"} else answer
    if isinstance(several, Mapping):
        several = [several]
    if not isinstance(several, list) or not several:
        return None
    found = [_one(given) for given in several]
    return [said for said in found if said is not None] if all(found) else None


def native(answer: Any, *, actions: Sequence[str], proposal: Any) -> Any:
    """Return an answer to a question of treadle's in treadle's form, types restored; what cannot be read, as it is."""
    said = read(answer)
    if said is None or len(said) != 1:
        return answer
    one = said[0]
    match one.verb:
        case "edit":
            action = "edit" if "edit" in actions or "take_over" not in actions else "take_over"
            return {"action": action, "value": restored(_bare(one.args, proposal), proposal)}
        case "ignore":
            return {"action": "reject"}
        case "respond" if "respond" not in actions and "reject" in actions:
            return _worded("reject", one.words)
    return _worded(one.verb, one.words)


def restored(value: Any, original: Any) -> Any:
    """Return a value with texts read as what stood there before: clients send every edited field as text.

    >>> restored({"amount": "7", "note": "7", "paid": "true"}, {"amount": 5, "note": "", "paid": False})
    {'amount': 7, 'note': '7', 'paid': True}
    """
    if isinstance(value, Mapping) and isinstance(original, Mapping):
        return {key: restored(part, original.get(key, part)) for key, part in value.items()}
    if not isinstance(value, str) or isinstance(original, str) or original is None:
        return value
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found if _alike(found, original) else value


def _alike(found: Any, original: Any) -> bool:
    if isinstance(original, bool) or isinstance(found, bool):
        return isinstance(found, bool) and isinstance(original, bool)
    if isinstance(original, int | float):
        return isinstance(found, int | float)
    return isinstance(found, type(original)) or (isinstance(found, dict) and isinstance(original, Mapping))


def _one(given: Any) -> Said | None:
    kind = given.get("type") if isinstance(given, Mapping) else None
    if not isinstance(kind, str) or kind not in _VERBS or set(given) - {"type", "args", "message", "edited_action"}:
        return None
    verb, args = _VERBS[kind], given.get("args")
    if verb == "edit":
        edited = given.get("edited_action", args)
        if not isinstance(edited, Mapping) or "args" not in edited:
            return None
        name = edited.get("name", edited.get("action"))
        return Said(verb, name if isinstance(name, str) else None, edited["args"])
    words = given.get("message", args)
    if not isinstance(words, str | None) or (verb == "respond" and words is None):
        return None
    return Said(verb, words=words)


def _bare(args: Any, proposal: Any) -> Any:
    """A value that was put as the argument ``value``, since it is no object itself."""
    wrapped = isinstance(args, Mapping) and set(args) == {"value"} and not isinstance(proposal, Mapping)
    return args["value"] if wrapped else args


def _worded(action: str, words: str | None) -> dict[str, Any]:
    return {"action": action, **({"words": words} if words else {})}
