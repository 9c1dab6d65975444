"""What a waiting review asks, in the same words whoever wrote the question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from treadle.checkpoints.desks.askers import Asker
from treadle.ui.fields import ABSENT
from treadle.ui.parts.terms import Terms
from treadle.ui.schemas import Schema


@dataclass(frozen=True)
class Ask:
    """A question, in the same words whoever asked it."""

    shape: Asker
    """Who asks."""
    title: str
    actions: tuple[str, ...]
    why: str = ""
    note: str = ""
    proposal: Any = ABSENT
    """What the run would go on with; ABSENT if nothing is proposed."""
    context: Mapping[str, Any] = field(default_factory=dict)
    marked: tuple[str, int, int] | None = None
    """A key of the context, and from where to where in its text the part is that matters."""
    schema: Schema = field(default_factory=dict)
    """Of what an edit (or an answer) gives."""
    root: Schema = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    leads_to: Mapping[str, str] = field(default_factory=dict)
    round: int = 1
    rounds: int | None = None
    history: Sequence[Mapping[str, Any]] = ()
    terms: Terms = field(default_factory=Terms)
    calls: tuple[str, ...] = ()
    """Names of the tools that the answer is about."""

    @property
    def edited(self) -> Any:
        """What an edit starts from."""
        return ABSENT if self.shape == "open" else self.proposal
