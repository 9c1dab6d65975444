"""Technique 6 of 9, a map: one prompt over every item, each in a branch of its own; a failed one harms no other.

Run it by ``python examples/every_item.py``.
"""

from typing import Any, Literal

from pydantic import BaseModel

from treadle import chain, fan_out
from treadle.nodes import prompt, step


class Rating(BaseModel):
    """One review, rated."""

    sentiment: Literal["negative", "neutral", "positive"]


rate = prompt("rating", "Rate this review:\n<text>{review}</text>", output=Rating, model="rules")


def report(reviews: list[str], ratings: list[dict[str, Any]]) -> str:
    """Say what became of every review, in order."""
    return "\n".join(f"{rating['sentiment']:9} {text}" for text, rating in zip(reviews, ratings, strict=True))


graph = chain(
    fan_out(rate, over="reviews", item="review", into="ratings", limit=4),
    step(report),
    inputs=("reviews",),
    name="every_item",
)

REVIEWS = ["I love these shoes.", "They fell apart in a week. Awful.", "They are shoes.", "Great fit, great price!"]

if __name__ == "__main__":
    print(graph.compile().invoke({"reviews": REVIEWS})["report"])
