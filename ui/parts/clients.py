"""Questions that other people's agents ask: LangChain's middleware, and Agent Inbox."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from treadle.checkpoints.desks.askers import asker, called, requests, verbs
from treadle.checkpoints.reviews import Review
from treadle.ui.fields import said
from treadle.ui.parts.asks import Ask


def foreign(review: Review) -> Ask | None:
    """Read the question of a client that is known by its form; None for any other."""
    value, kind = review.value, asker(review.value)
    if kind in ("treadle", "open"):
        return None
    calls = [called(one) for one in requests(value)]
    names = tuple(name or "a tool" for name, _ in calls)
    arguments = [{} if args is None else args for _, args in calls]
    told = "\n\n".join(_descriptions(value))
    tools = "a tool" if len(names) == 1 else f"{len(names)} tools"
    return Ask(
        shape=kind,
        title=said(names[0]) if kind == "inbox" else f"Run {', '.join(names)}?",
        actions=verbs(value, review.schema) or ("approve",),
        why="" if kind == "inbox" else f"an agent asks before it runs {tools}",
        proposal=arguments[0] if len(names) == 1 else dict(zip(_numbered(names), arguments, strict=True)),
        context={"description": told} if told else {},
        calls=names,
    )


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"{place} {name}" for place, name in enumerate(names, start=1)]


def _descriptions(value: Any) -> Iterator[str]:
    """What the asker says of the question, or of each of its actions."""
    whole = value[0] if isinstance(value, list) else value
    for one in (whole, *(request for request in requests(value) if request is not whole)):
        if isinstance(one, Mapping) and one.get("description"):
            yield str(one["description"])
