"""Who asks, where treadle does not: the schema of the answer an asker takes, and an answer in the asker's form.

LangChain's middleware asks about all calls of a turn at once (``calls``) or about each (``call``), Agent Inbox's agents
about one action (``inbox``). Anything else is ``open``: a text, an object, with a schema of its own or none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from treadle import dialects
from treadle.dialects import Said, Verb
from treadle.errors import AnswerInvalid

Asker = Literal["treadle", "calls", "call", "inbox", "open"]

_ALL: Final[tuple[Verb, ...]] = ("approve", "edit", "reject", "respond")
_FLAGS: Final[Mapping[Verb, str]] = {
    "approve": "allow_accept", "edit": "allow_edit", "respond": "allow_respond", "ignore": "allow_ignore"
}  # fmt: skip


def asker(value: Any) -> Asker:
    """Return who asks, by the form of the question."""
    if isinstance(value, Mapping):
        if isinstance(value.get("actions"), list) and "proposal" in value:
            return "treadle"
        requests = value.get("action_requests")
        if isinstance(requests, list) and requests and all(isinstance(one, Mapping) for one in requests):
            return "calls"
        if value.get("type") == "tool_approval" and isinstance(value.get("args"), Mapping):
            return "call"
    return "inbox" if _request(value) is not None else "open"


def schema(value: Any) -> dict[str, Any] | None:
    """Return the JSON Schema of an answer, for an asker who gave none; None where anything may be right."""
    match asker(value):
        case "calls":
            calls = [_decision(_allowed(value, place), call) for place, call in enumerate(_calls(value))]
            many = {"type": "array", "minItems": len(calls), "maxItems": len(calls), "prefixItems": calls}
            return _object({"decisions": many})
        case "call":
            return _decision(_ALL, value)
        case "inbox":
            return {"type": "array", "minItems": 1, "maxItems": 1, "items": {"anyOf": _responses(value)}}
    return None


def addressed(answer: Any, value: Any) -> Any:
    """Return a whole answer in the form that the question's asker takes; what cannot be read stays as it is."""
    kind = asker(value)
    if kind == "treadle":
        return dialects.native(answer, actions=value["actions"], proposal=value["proposal"])
    said = dialects.read(answer) if kind != "open" else None
    return answer if said is None else _written(kind, value, said)


def composed(value: Any, given: Mapping[str, Any]) -> Any:
    """Return an action on somebody else's question as the answer that its asker takes.

    Raises:
        AnswerInvalid: for an action that it does not take, and an edit that does not give every call its arguments.
    """
    kind, action = asker(value), given["action"]
    allowed, calls = verbs(value), requests(value)
    if action not in allowed:
        raise AnswerInvalid(f"The action {action!r} is not one of this question's: {', '.join(allowed)}.")
    if action == "edit":
        return _written(kind, value, [Said("edit", args=args) for args in _edits(given, calls)])
    words = ". ".join(str(given[part]).rstrip(".") for part in ("reason", "words") if given.get(part)) or None
    return _written(kind, value, [Said(action, words=words)] * len(calls))


def verbs(value: Any, schema: Mapping[str, Any] | None = None) -> tuple[Verb, ...]:
    """Return what somebody else's question lets a person do, in the desk's words; nothing for an open one.

    A question about one call does not say it itself: the asker's schema of the answer does.
    """
    match asker(value):
        case "calls":
            common = set.intersection(*(set(_allowed(value, place)) for place, _ in enumerate(_calls(value))))
            return tuple(verb for verb in _ALL if verb in common)
        case "call":
            return tuple(verb for verb in _ALL if schema is None or f"'{verb}'" in str(schema)) or ("approve", "reject")
        case "inbox":
            return _permitted(value)
    return ()


def requests(value: Any) -> list[Mapping[str, Any]]:
    """Return the actions that somebody else's question is about; nothing for an open one, and for one of treadle's."""
    match asker(value):
        case "calls":
            return _calls(value)
        case "call":
            return [value]
        case "inbox":
            return [_request(value) or {}]
    return []


def called(request: Mapping[str, Any]) -> tuple[str | None, Any]:
    """Return the name and the arguments of such an action."""
    name = _name(request)
    return None if name is None else str(name), _arguments(request)


def _edits(given: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> list[Any]:
    if "value" not in given:
        raise AnswerInvalid("The action edit needs the edited arguments: give value=...")
    edits = [given["value"]] if len(calls) == 1 else given["value"]
    if isinstance(edits, list) and len(edits) == len(calls):
        return edits
    raise AnswerInvalid(f"This question is about {len(calls)} calls: give value= a list with the arguments of each.")


def _written(kind: Asker, value: Any, said: Sequence[Said]) -> Any:
    if kind == "inbox":
        return [_response(one, _request(value) or {}) for one in said]
    calls = _calls(value) if kind == "calls" else [value]
    decisions = [_told(one, calls[place] if place < len(calls) else {}) for place, one in enumerate(said)]
    return {"decisions": decisions} if kind == "calls" else decisions[0] if len(decisions) == 1 else decisions


def _told(said: Said, call: Mapping[str, Any]) -> dict[str, Any]:
    """A decision in the middleware's form."""
    if said.verb == "edit":
        args = dialects.restored(said.args, _arguments(call))
        return {"type": "edit", "edited_action": {"name": said.name or _name(call), "args": args}}
    verb = "reject" if said.verb == "ignore" else said.verb
    return {"type": verb, **({"message": said.words or ""} if said.words or verb == "respond" else {})}


def _response(said: Said, request: Mapping[str, Any]) -> dict[str, Any]:
    """A response in Agent Inbox's form, which has no rejection: words are a response, none are ignored."""
    match said.verb:
        case "approve":
            return {"type": "accept", "args": None}
        case "edit":
            args = dialects.restored(said.args, request.get("args"))
            return {"type": "edit", "args": {"action": said.name or request.get("action"), "args": args}}
        case "respond":
            return {"type": "response", "args": said.words or ""}
        case "reject" if said.words:
            return {"type": "response", "args": said.words}
    return {"type": "ignore", "args": None}


def _calls(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(value["action_requests"])


def _allowed(value: Mapping[str, Any], place: int) -> tuple[Verb, ...]:
    """What may be decided on one call: its policy stands at its place, or under its name."""
    policies = value.get("review_configs")
    found = [one for one in policies if isinstance(one, Mapping)] if isinstance(policies, list) else []
    name = _name(_calls(value)[place])
    named = [one for one in found if one.get("action_name") == name] or found[place : place + 1]
    listed = named[0].get("allowed_decisions") if named else None
    return tuple(verb for verb in _ALL if verb in listed) if isinstance(listed, list) else ("approve", "edit", "reject")


def _name(call: Mapping[str, Any]) -> Any:
    return call.get("name", call.get("action"))


def _arguments(call: Mapping[str, Any]) -> Any:
    return call.get("args", call.get("arguments"))


def _request(value: Any) -> Mapping[str, Any] | None:
    """The action that an Agent Inbox question is about; it may be the one question of a list."""
    first = value[0] if isinstance(value, list) and len(value) == 1 else value
    request = first.get("action_request") if isinstance(first, Mapping) else None
    return request if isinstance(request, Mapping) else None


def _permitted(value: Any) -> tuple[Verb, ...]:
    first = value[0] if isinstance(value, list) else value
    config = first.get("config") if isinstance(first, Mapping) else None
    if not isinstance(config, Mapping):
        return tuple(_FLAGS)
    return tuple(verb for verb, flag in _FLAGS.items() if config.get(flag))


def _decision(allowed: Sequence[Verb], call: Mapping[str, Any]) -> dict[str, Any]:
    action = _object({"name": {"type": "string"}, "args": {"type": "object"}})
    forms = {
        "approve": _typed("approve"),
        "edit": _typed("edit", {"edited_action": action}),
        "reject": _typed("reject", optional={"message": {"type": "string"}}),
        "respond": _typed("respond", {"message": {"type": "string"}}),
    }
    return {"title": str(_name(call)), "anyOf": [forms[verb] for verb in allowed]}


def _responses(value: Any) -> list[dict[str, Any]]:
    action = _object({"action": {"type": "string"}, "args": {"type": "object"}})
    forms = {
        "approve": _typed("accept", optional={"args": {}}),
        "edit": _typed("edit", {"args": action}),
        "respond": _typed("response", {"args": {"type": "string"}}),
        "ignore": _typed("ignore", optional={"args": {}}),
    }
    return [forms[verb] for verb in _permitted(value)]


def _typed(name: str, needed: Mapping[str, Any] | None = None, optional: Mapping[str, Any] | None = None) -> Any:
    return _object({"type": {"const": name}, **(needed or {})}, optional or {})


def _object(needed: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    properties = {**needed, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(needed), "additionalProperties": False}
