"""Dialogues with customers go in; what they were about, how they ended and a summary that is true to them come out.

Transcript, entities, summary, quality filter: run it by ``python examples/support_summary.py [FILE]``. A file has one
dialogue a line (or is a JSON list), each with ``turns`` of ``speaker`` and ``text``.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from treadle import chain, fan_out, review
from treadle.nodes import prompt, step


class Case(BaseModel):
    """What a dialogue was about."""

    sentiment: Literal["negative", "neutral", "positive"]
    urgency: Literal["low", "medium", "high"]


def transcript(dialogue: dict[str, Any]) -> str:
    """Return a dialogue as text, a line a turn."""
    return "\n".join(f"{turn['speaker']}: {turn['text']}" for turn in dialogue["turns"])


def entities(transcript: str) -> list[str]:
    """Find the numbers and times that a summary must not get wrong."""
    return sorted(set(re.findall(r"\b\d[\d.,:]*\b", transcript)))


def record(case: dict[str, Any], summary: str, transcript: str) -> dict[str, Any]:
    """Join what was found; a number that the dialogue does not have makes the summary doubtful."""
    made_up = [number for number in re.findall(r"\b\d[\d.,:]*\b", summary) if number not in transcript]
    return {**case, "summary": summary, "made_up": made_up}


SUMMARY = """Sum up what the customer wanted and how it ended, in two sentences. Get these right: {entities}
<transcript>{transcript}</transcript>"""
case = prompt("case", "What is it about?\n<transcript>{transcript}</transcript>", output=Case)
summary = prompt("summary", SUMMARY, gate=lambda text: len(text) > 10 or "it says nothing")
doubtful = review("record", when=lambda one: one["made_up"] and "it has numbers that nobody said", reject="summary")
one = chain(step(transcript), step(entities), case, summary, step(record), doubtful, name="sum_up")
graph = chain(fan_out(one, over="dialogues", item="dialogue", into="records"), name="support_summary")

if __name__ == "__main__":
    text = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("support_dialogues.json")).read_text()
    dialogues = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    for found in graph.compile().invoke({"dialogues": dialogues})["records"]:
        print(f"{found['sentiment']}, {found['urgency']}: {found['summary']}")
