"""The panel of a question: who may decide on it, and how many must."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from treadle.errors import NotAllowed


@dataclass(frozen=True)
class Panel:
    """Who may decide on a question, as the question itself says; one that says nothing is for anyone."""

    roles: frozenset[str] = frozenset()
    """Who may decide holds one of these; empty: anyone."""
    veto: frozenset[str] = frozenset()
    """A rejection by who holds one of these decides alone."""
    quorum: int = 1
    """Distinct people who must answer alike."""
    blind: bool = False
    """Whether nobody sees another's vote before all have voted."""
    requester: str | None = None
    """Who asked for what is decided on, and so may not decide."""

    @property
    def many(self) -> bool:
        """Whether one person's answer is a vote and not yet the decision."""
        return self.quorum > 1

    def admit(self, by: str, roles: Collection[str]) -> None:
        """Raise NotAllowed, saying who may, if this person may not decide."""
        signed(by)
        if self.requester is not None and same(by, self.requester):
            raise NotAllowed(f"{by} asked for this and may not decide on it: somebody else must. Nothing was stored.")
        if self.roles and not self.roles & set(roles):
            held = f"has only {_listed(roles)}" if roles else "has no role here"
            raise NotAllowed(
                f"{by} may not decide on this: it takes the role {_listed(self.roles)}, and {by} {held}."
                " Nothing was stored."
            )

    def admits(self, by: str, roles: Collection[str]) -> bool:
        """Whether this person may decide."""
        try:
            self.admit(by, roles)
        except NotAllowed:
            return False
        return True

    def vetoes(self, action: str | None, roles: Collection[str]) -> bool:
        """Whether this answer decides alone."""
        return action == "reject" and bool(self.veto & set(roles))


def panel(question: Any, escalations: int = 0) -> Panel:
    """The panel that a question names, with the roles it was escalated to so far; what makes no sense is left out."""
    asked = question if isinstance(question, Mapping) else {}
    veto, roles = _texts(asked.get("veto")), _texts(asked.get("roles"))
    if roles:  # who may stop it may decide on it, and so may those it was handed to
        roles |= veto | {step["to"] for step in chain(asked)[:escalations]}
    quorum, requester = asked.get("quorum"), asked.get("requester")
    return Panel(
        roles=roles,
        veto=veto,
        quorum=quorum if isinstance(quorum, int) and quorum > 1 else 1,
        blind=asked.get("blind") is True,
        requester=requester if isinstance(requester, str) and requester.strip() else None,
    )


def chain(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a question's escalation, the first one first: seconds ``after`` which it goes ``to`` a role."""
    steps = asked.get("escalate")
    good = [step for step in steps if _step(step)] if isinstance(steps, list) else []
    return sorted(good, key=lambda step: float(step["after"]))


def _step(step: Any) -> bool:
    return isinstance(step, Mapping) and isinstance(step.get("to"), str) and number(step.get("after"))


def number(value: Any) -> bool:
    """Whether a value of a question can be counted with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value


def same(one: str, other: str) -> bool:
    """Whether two names mean the same person.

    >>> same("Ann@example.org", "ann@example.org ")
    True
    """
    return name(one) == name(other)


def signed(by: str) -> None:
    """Raise NotAllowed if nobody is named: the record says of everything who did it."""
    if not by.strip():
        raise NotAllowed("It is not said who does this: the record needs a name. Nothing was stored.")


def name(by: str) -> str:
    """A person's name as it is compared."""
    return by.strip().casefold()


def _texts(value: Any) -> frozenset[str]:
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _listed(roles: Collection[str]) -> str:
    return " or ".join(sorted(roles))
