"""Technique 4 of 9, in parallel: steps that do not need each other run at once, and the next waits for all of them.

Run it by ``python examples/side_by_side.py``.
"""

from typing import Literal

from treadle import chain
from treadle.nodes import prompt, step

Topic = Literal["billing", "delivery", "quality"]


def ticket(mood: str, topic: str, gist: str) -> str:
    """Join what three steps found."""
    return f"[{topic}, {mood}] {gist}"


graph = chain(
    [
        prompt("mood", "Sentiment of:\n<m>{message}</m>", output=Literal["negative", "positive"], model="rules"),
        prompt("topic", "What is it about?\n<m>{message}</m>", output=Topic, model="rules"),
        prompt("gist", "Sum up in one sentence:\n<m>{message}</m>", model="rules"),
    ],
    step(ticket),
    name="side_by_side",
)

if __name__ == "__main__":
    message = "I was charged twice for one order and nobody answers. The invoice is wrong. This is terrible service."
    print(graph.compile().invoke({"message": message})["ticket"])
