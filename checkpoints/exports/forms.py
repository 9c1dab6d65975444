"""The forms in which decisions are exported, by name."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TextIO

from treadle.checkpoints.exports import amazon, examples
from treadle.checkpoints.exports.records import LEARNT, SEEN, Record, records, votes
from treadle.checkpoints.exports.tables import header, row
from treadle.checkpoints.savers import SqliteSaver

Form = Callable[[Record, SqliteSaver, Any], Iterator[Mapping[str, Any] | str]]

FORMS: Final[Mapping[str, Form]] = {
    "jsonl": lambda record, saver, redact: iter((record,)),
    "sft": examples.tuning,
    "preferences": examples.preferences,
    "evaluation": examples.evaluations,
    "ground-truth": lambda record, saver, redact: amazon.manifest(record, votes(saver, record, redact=redact)),
    "a2i": lambda record, saver, redact: amazon.loop(record, votes(saver, record, redact=redact)),
    "csv": lambda record, saver, redact: iter((row(record),)),
}
"""What a decision becomes in each: no line, one or several."""


@dataclass(frozen=True)
class Exported:
    """What an export came to."""

    lines: int
    last: int
    """The number of the last decision in it: the next export goes on from there (``since``)."""


def lines(
    saver: SqliteSaver,
    form: str,
    *,
    since: int = 0,
    graph: str | None = None,
    gate: str | None = None,
    redact: Collection[str] = (),
) -> Iterator[tuple[int, str]]:
    """The lines of an export, each with the number of its decision; those after number ``since``, oldest first.

    ``redact`` names what is left out (``redactions.places``). The first line of a table, its header, has the number
    ``since``.
    """
    if form not in FORMS:
        raise ValueError(f"There is no form {form!r}: it is one of {', '.join(FORMS)}.")
    which = SEEN if form == "jsonl" else LEARNT
    if form == "csv":
        yield since, header()
    for record in records(saver, since=since, graph=graph, gate=gate, redact=redact, which=which):
        for made in FORMS[form](record, saver, redact):
            text = made if isinstance(made, str) else json.dumps(made, ensure_ascii=False) + "\n"
            yield record["seq"], text


def export(saver: SqliteSaver, form: str, file: TextIO, *, since: int = 0, **wanted: Any) -> Exported:
    """Write an export (see ``lines``) to a text file."""
    count, last = 0, since
    for seq, line in lines(saver, form, since=since, **wanted):
        file.write(line)
        count, last = count + 1, seq
    return Exported(count, last)
