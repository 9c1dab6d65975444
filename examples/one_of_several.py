"""Technique 5 of 9, a condition: a prompt classifies, and its label names the step that is taken.

Run it by ``python examples/one_of_several.py``. A label without a step would be refused when the graph is built.
"""

from typing import Literal

from treadle import chain, route
from treadle.nodes import prompt, step


def thanks(message: str) -> str:
    """Answer praise."""
    return "Thank you, we have passed this on to the team."


classify = prompt(
    "feeling",
    "Does the writer praise or complain?\n<message>{message}</message>",
    output=Literal["negative", "neutral", "positive"],
    model="rules",
)
sorry = prompt("sorry", "Answer kindly:\n<m>{message}</m>", into="reply", model="rules")
graph = chain(
    route(
        classify,
        {"positive": step(thanks, into="reply"), "negative": sorry},
        default=step(lambda message: "Noted.", into="reply", name="noted"),
        name="answering",
    ),
    name="condition",
)

if __name__ == "__main__":
    made = graph.compile()
    for message in ("Wonderful coffee, thank you!", "The cup was broken and I am angry.", "I ordered on Monday."):
        print(f"{message} -> {made.invoke({'message': message})['reply']}")
