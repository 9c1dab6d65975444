"""Who may decide on a question: roles, how many of them, and who can refuse alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from treadle.errors import GraphBuildError


@dataclass(frozen=True)
class Panel:
    """The people who decide on a review; without roles, anyone.

    Raises:
        GraphBuildError: for a quorum below one, a blind vote of one person, or roles given as one text.
    """

    roles: Sequence[str] = ()
    """Who may decide; whoever has a veto may as well."""
    quorum: int = 1
    """How many distinct people must agree."""
    veto: Sequence[str] = ()
    """The roles of which one person's rejection decides alone."""
    blind: bool = False
    """Whether nobody sees another's vote before all have voted."""
    requester: str | None = None
    """The state key that names the person who asked for what is under review: that person may not decide."""

    def __post_init__(self) -> None:
        for name in ("roles", "veto"):
            named(getattr(self, name), what=f"a panel's {name}")
        if self.quorum < 1:
            raise GraphBuildError(f"a panel's quorum={self.quorum}: at least one person must decide")
        if self.blind and self.quorum < 2:
            raise GraphBuildError("a panel that votes blind needs quorum=2 or more: with one vote nothing is hidden")

    def payload(self) -> dict[str, Any]:
        """Return it as plain data, without the requester, whom only the state knows."""
        roles = [*self.roles, *(role for role in self.veto if role not in self.roles)] if self.roles else []
        return {"roles": roles, "veto": list(self.veto), "quorum": self.quorum, "blind": self.blind}


def named(given: Sequence[str], *, what: str) -> tuple[str, ...]:
    """Return names as a tuple; a single text would else be taken letter by letter.

    Raises:
        GraphBuildError: for one text, and for what is no text.
    """
    if isinstance(given, str):
        raise GraphBuildError(f"{what}: {given!r} is one text, and a list of them is wanted: ({given!r},)")
    if odd := [one for one in given if not isinstance(one, str) or not one.strip()]:
        raise GraphBuildError(f"{what}: {odd[0]!r} is no name")
    return tuple(given)
