"""Other opinions on an answer, by which its confidence is known: more answers to the same, or a step that judges it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.digests import digest
from treadle.errors import GraphBuildError, OutputInvalid
from treadle.nodes.steps import Step, Update


@dataclass(frozen=True)
class Votes:
    """The same question asked several times: what most answers say is taken, and their share is its confidence.

    A model must be let vary for that: give it a temperature above 0.

    Raises:
        GraphBuildError: for fewer than two times.
    """

    times: int = 5
    on: str | None = None
    """The field that must be the same in answers that agree; else all but the confidence."""

    def __post_init__(self) -> None:
        if self.times < 2:
            raise GraphBuildError(f"Votes({self.times}): one answer alone has nobody to agree with; ask twice at least")

    def winner(self, values: Sequence[Any], *, omit: Collection[str]) -> tuple[int, int]:
        """Return the place of the first answer that most agree with, and how many do."""
        said = [self._said(value, omit) for value in values]
        winner, count = Counter(said).most_common(1)[0]
        return said.index(winner), count

    def _said(self, value: Any, omit: Collection[str]) -> str:
        if not isinstance(value, Mapping):
            return digest(value)
        return digest(value.get(self.on) if self.on else {key: one for key, one in value.items() if key not in omit})


def opinion(judge: Step, update: Update) -> float:
    """Return how sure a step that judges an answer is of it: the number it gives, or that under ``confidence``.

    Raises:
        OutputInvalid: it is no number from 0 to 1.
    """
    said = update[next(iter(judge.writes))]
    found = said.get("confidence") if isinstance(said, Mapping) else said
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise OutputInvalid(
            f"step {judge.name!r} judges how sure an answer is, and says {said!r}: from 0 to 1 it must be"
        )
    return float(found)
