"""Decisions in the forms of two services of Amazon's: Ground Truth's augmented manifest, Augmented AI's output.

Both are closed to new customers; what reads their files is not. Source: the SageMaker developer guide, "Labeling job
output data" and "Amazon A2I Output Data".
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from treadle.checkpoints.desks.answers import UNSET
from treadle.checkpoints.exports.records import Record, outcome

Row = dict[str, Any]

KINDS = {"kept": "good", "changed": "corrected", "refused": "bad"}
"""The classes of a verified label, in the order of their numbers."""


def manifest(record: Record, votes: Sequence[Record]) -> Iterator[Row]:
    """A line of an augmented manifest: the source, the label, and its metadata.

    The label attribute has the gate's name. With labels it is a multi-label text classification, else a verification
    of what was proposed. Its ``confidence`` is, as in Ground Truth, no probability but a share: of the people who voted
    (or the one who decided), how many said so; 0 where a rule or a deadline decided.
    """
    found, before, after = outcome(record)
    if found == "other":
        return
    name, people = _attribute(record), _people(record, votes)
    value, told = _classified(record, people) if record.get("labels") else _verified(found, people)
    told |= {
        "job-name": f"labeling-job/{record.get('graph') or 'treadle'}-{name}",
        "human-annotated": "yes" if people else "no",
        "creation-date": _moment(record["at"]),
    }
    line = {"source": _source(record, before), name: value, f"{name}-metadata": told}
    yield line if after is UNSET or found != "changed" else line | {f"{name}-corrected": after}


def loop(record: Record, votes: Sequence[Record]) -> Iterator[Row]:
    """An ``output.json`` of a human loop of a custom task, with an answer of everyone who voted."""
    yield {
        "flowDefinitionArn": f"treadle:{record.get('graph') or ''}/{record.get('gate') or ''}",
        "humanAnswers": [_answer(one) for one in votes or [record]],
        "humanLoopName": f"{record['thread_id']}-{record['interrupt_id'][:12]}-{record['seq']}",
        "inputContent": record.get("payload", {}),
    }


def _answer(record: Record) -> Row:
    start = record["at"] - (record.get("seconds") or 0)
    answer, by = record.get("answer"), record.get("by")
    return {
        "acceptanceTime": f"{_moment(start)}Z",
        "answerContent": answer if isinstance(answer, Mapping) else {"answer": answer},
        "submissionTime": f"{_moment(record['at'])}Z",
        "timeSpentInSeconds": record.get("seconds") or 0.0,
        "workerId": by,
        "workerMetadata": {"identityData": {"identityProviderType": "treadle", "issuer": "treadle", "sub": by}},
    }


def _people(record: Record, votes: Sequence[Record]) -> Sequence[Record]:
    """What each person said; nothing where no person did."""
    alone = record.get("rule") is None and record.get("by") != "deadline"
    return votes or ([record] if alone else [])


def _share(people: Sequence[Record], said: Callable[[Record], bool]) -> float:
    return round(sum(map(said, people)) / len(people), 4) if people else 0.0


def _attribute(record: Record) -> str:
    """The name of the label: the services allow no other characters, and keep the endings -ref and -metadata."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in str(record.get("gate") or "review"))
    return f"{name}-label" if name.endswith(("-ref", "-metadata")) else name


def _classified(record: Record, people: Sequence[Record]) -> tuple[Any, Row]:
    payload, labels = record.get("payload"), record["labels"]
    known = [*(payload.get("labels") or ())] if isinstance(payload, Mapping) else []
    every = known + [one for one in labels if one not in known]
    names = {str(every.index(label)): label for label in labels}
    sure = {number: _share(people, partial(_labelled, label)) for number, label in names.items()}
    told = {"class-map": names, "confidence-map": sure, "type": "groundtruth/text-classification-multilabel"}
    return [int(number) for number in names], told


def _labelled(label: Any, record: Record) -> bool:
    return label in record.get("labels", ())


def _verified(found: str, people: Sequence[Record]) -> tuple[Any, Row]:
    share = _share(people, lambda one: outcome(one)[0] == found)
    told: Row = {"class-name": KINDS[found], "confidence": share, "type": "groundtruth/label-verification"}
    if said := [{"comment": one["words"]} for one in people if one.get("words")]:
        told["worker-feedback"] = said
    return list(KINDS.values()).index(KINDS[found]), told


def _source(record: Record, before: Any) -> str:
    """What was labelled, as text."""
    payload = record.get("payload")
    shown = (payload.get("context") or before) if isinstance(payload, Mapping) else payload
    return shown if isinstance(shown, str) else json.dumps(None if shown is UNSET else shown, ensure_ascii=False)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
