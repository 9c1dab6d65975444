"""Groups: which items a branch runs, and for which it stands: one, those that are equal to it, or a batch of such."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from treadle.graphs.scatters.items import alike
from treadle.nodes.outcomes import Outcome, ordered
from treadle.nodes.policies.batches import Batch, unpacked


@dataclass(frozen=True)
class Groups:
    """The items by the branches that run them. Made by `grouped`."""

    runs: Mapping[int, Sequence[int]]
    """By branch, the places of the items that it runs."""
    twins: Mapping[int, Sequence[int]]
    """By item that is run, the places of those equal to it, its own first; none where each item is run."""
    batched: bool

    @property
    def whole(self) -> bool:
        """Whether a branch's outcome is an item's, and the only one."""
        return not (self.batched or self.twins)

    def given(self, items: Mapping[int, Any]) -> Mapping[int, Any]:
        """By branch, what its worker is given: an item, or the list of a batch."""
        if not self.batched:
            return items
        return {branch: [items[place] for place in run] for branch, run in self.runs.items()}

    def each(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """The outcomes of all items, from those of the branches that stand for them."""
        found = list(outcomes)
        if self.batched:
            found = [one for outcome in found for one in unpacked(outcome, self.runs[outcome["index"]])]
        twins: list[Outcome] = [
            {**outcome, "index": place, "cached": True}
            for outcome in found
            for place in self.twins.get(outcome["index"], ())[1:]
        ]
        return ordered([*found, *twins])


def grouped(items: Mapping[int, Any], *, pure: bool, batch: Batch | None) -> Groups:
    """Return the branches for items by place: equal ones are run once if `pure`, and `batch` says which together."""
    twins = alike(items) if pure else {}
    leads = list(twins or items)
    if batch is None:
        return Groups({lead: (lead,) for lead in leads}, twins, batched=False)
    groups = batch.groups([items[lead] for lead in leads])
    return Groups({branch: [leads[one] for one in group] for branch, group in enumerate(groups)}, twins, batched=True)
