"""Decisions in the forms of two services of Amazon's: Ground Truth's augmented manifest, Augmented AI's output.

Both are closed to new customers; what reads their files is not. Source: the SageMaker developer guide, "Labeling job
output data" and "Amazon A2I Output Data".
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from treadle.checkpoints.desks.answers import UNSET
from treadle.checkpoints.exports.records import Record, outcome

Row = dict[str, Any]

KINDS = {"kept": "good", "changed": "corrected", "refused": "bad"}
"""The classes of a verified label, in the order of their numbers."""


def manifest(record: Record) -> Iterator[Row]:
    """A line of an augmented manifest: the source, the label, and its metadata.

    The label attribute has the gate's name. With labels it is a multi-label text classification, else a verification
    of what was proposed. Its ``confidence`` is, as in Ground Truth, no probability but a share of votes: of those who
    decided, which is one here unless several had to agree.
    """
    found, before, after = outcome(record)
    if found == "other":
        return
    name = _attribute(record)
    labels = record.get("labels")
    chosen = _classified(record, labels) if labels else _verified(record, found)
    value, told = chosen
    told |= {
        "job-name": f"labeling-job/{record.get('graph') or 'treadle'}-{name}",
        "human-annotated": "no" if record.get("rule") else "yes",
        "creation-date": _moment(record["at"]),
    }
    line = {"source": _source(record, before), name: value, f"{name}-metadata": told}
    yield line if after is UNSET or found != "changed" else line | {f"{name}-corrected": after}


def loop(record: Record) -> Iterator[Row]:
    """An ``output.json`` of a human loop of a custom task."""
    start = record["at"] - (record.get("seconds") or 0)
    answer = record.get("answer")
    yield {
        "flowDefinitionArn": f"treadle:{record.get('graph') or ''}/{record.get('gate') or ''}",
        "humanAnswers": [
            {
                "acceptanceTime": f"{_moment(start)}Z",
                "answerContent": answer if isinstance(answer, Mapping) else {"answer": answer},
                "submissionTime": f"{_moment(record['at'])}Z",
                "timeSpentInSeconds": record.get("seconds") or 0.0,
                "workerId": record.get("by"),
                "workerMetadata": {"identityData": {"identityProviderType": "treadle", "sub": record.get("by")}},
            }
        ],
        "humanLoopName": f"{record['thread_id']}-{record['interrupt_id'][:12]}-{record['seq']}",
        "inputContent": record.get("payload", {}),
    }


def _attribute(record: Record) -> str:
    """The name of the label: the services allow no other characters, and keep the endings -ref and -metadata."""
    name = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in str(record.get("gate") or "review"))
    return f"{name}-label" if name.endswith(("-ref", "-metadata")) else name


def _classified(record: Record, labels: Any) -> tuple[Any, Row]:
    payload = record.get("payload")
    known = [*(payload.get("labels") or ())] if isinstance(payload, Mapping) else []
    every = known + [one for one in labels if one not in known]
    numbers = [every.index(one) for one in labels]
    names = {str(number): one for number, one in zip(numbers, labels, strict=True)}
    sure = dict.fromkeys(names, 1.0)
    told = {"class-map": names, "confidence-map": sure, "type": "groundtruth/text-classification-multilabel"}
    return numbers, told


def _verified(record: Record, found: str) -> tuple[Any, Row]:
    told: Row = {"class-name": KINDS[found], "confidence": 1.0, "type": "groundtruth/label-verification"}
    if record.get("words"):
        told["worker-feedback"] = [{"comment": record["words"]}]
    return list(KINDS.values()).index(KINDS[found]), told


def _source(record: Record, before: Any) -> str:
    """What was labelled, as text."""
    payload = record.get("payload")
    shown = (payload.get("context") or before) if isinstance(payload, Mapping) else payload
    return shown if isinstance(shown, str) else json.dumps(None if shown is UNSET else shown, ensure_ascii=False)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
