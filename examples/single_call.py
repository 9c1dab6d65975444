"""Technique 1 of 9, a single call: one question, one typed answer. Run it by ``python examples/single_call.py``."""

from typing import Literal

from pydantic import BaseModel

from treadle.nodes import prompt


class Mood(BaseModel):
    """What a message sounds like."""

    sentiment: Literal["negative", "neutral", "positive"]
    reason: str


ask = prompt("mood", "How does the writer feel, and why?\n<message>{message}</message>", output=Mood, model="rules")

if __name__ == "__main__":
    print(ask({"message": "The parcel came two days early and the packing was lovely. Thank you!"})["mood"])
