"""The terms of a question: who may decide, until when, what holds otherwise, and how sure the model was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.ui.markups import Markup, tag
from treadle.ui.parts.actions import DONE
from treadle.ui.times import exact


@dataclass(frozen=True)
class Terms:
    """What a question says of itself besides what it asks; a question of somebody else's says nothing."""

    holds: bool = True
    """Whether the run waits for the answer."""
    confidence: float | None = None
    confidence_source: str | None = None
    roles: tuple[str, ...] = ()
    veto: tuple[str, ...] = ()
    quorum: int = 1
    blind: bool = False
    requester: str | None = None
    default: Mapping[str, Any] | None = None
    """The answer that is applied at the due time."""
    escalate: tuple[tuple[float, str], ...] = ()
    """Seconds after which it goes to a role."""
    withdraw_in: float | None = None

    def told(self) -> Markup:
        """The terms in sentences, as a list; nothing where there is nothing to say."""
        lines = [line for line in (self._after(), self._sure(), self._who(), self._late(), self._back()) if line]
        lines += [f"After {exact(after)} it goes to {to}." for after, to in self.escalate]
        return tag("ul", *(tag("li", line) for line in lines), kind="terms small") if lines else Markup("")

    def _after(self) -> str:
        return "" if self.holds else "This ran already: what you say is feedback, and nothing waits for it."

    def _sure(self) -> str:
        if self.confidence is None:
            return ""
        source = f", measured by {self.confidence_source}" if self.confidence_source else ""
        return f"The model's confidence is {self.confidence:.0%}{source}."

    def _who(self) -> str:
        who = f" of {_listed(self.roles)}" if self.roles else ""
        many = f"{self.quorum} people{who} must agree" if self.quorum > 1 else f"Somebody{who} decides" if who else ""
        many += ", each without seeing the others" if many and self.blind else ""
        veto = f"a rejection by {_listed(self.veto)} decides alone" if self.veto else ""
        barred = f"{self.requester}, who asked for it, may not decide" if self.requester else ""
        parts = [part for part in (many, veto, barred) if part]
        return "; ".join(parts)[:1].upper() + "; ".join(parts)[1:] + "." if parts else ""

    def _late(self) -> str:
        if not self.default:
            return ""
        action, words = str(self.default.get("action") or "answer"), self.default.get("words")
        told = f": “{words}”" if words else ""
        return f"If nobody has decided by the due time, it counts as {DONE.get(action, action).lower()}{told}."

    def _back(self) -> str:
        return f"A decision can be taken back for {exact(self.withdraw_in)}." if self.withdraw_in else ""


def terms(value: Mapping[str, Any]) -> Terms:
    """Read the terms out of a question; what makes no sense is left out."""
    quorum, default = number(value.get("quorum")), value.get("default")
    return Terms(
        holds=value.get("holds") is not False,
        confidence=number(value.get("confidence")),
        confidence_source=_text(value.get("confidence_source")),
        roles=_texts(value.get("roles")),
        veto=_texts(value.get("veto")),
        quorum=int(quorum) if quorum and quorum > 1 else 1,
        blind=value.get("blind") is True,
        requester=_text(value.get("requester")),
        default=default if isinstance(default, Mapping) else None,
        escalate=tuple(_steps(value.get("escalate"))),
        withdraw_in=number(value.get("withdraw_in")),
    )


def number(value: Any) -> float | None:
    """A number that can be counted with, or None."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None


def _steps(value: Any) -> list[tuple[float, str]]:
    steps = value if isinstance(value, list) else []
    found = [(number(one.get("after")), _text(one.get("to"))) for one in steps if isinstance(one, Mapping)]
    return sorted((after, to) for after, to in found if after is not None and to)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)
