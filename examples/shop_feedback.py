"""Reviews of a shop go in; for each its sentiment, the features it speaks of and an answer to the customer come out.

Run it by ``python examples/shop_feedback.py``. Answers to unhappy customers wait for a person where one is to decide.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from treadle import chain, fan_out, route
from treadle.nodes import prompt, step

FEATURES = {
    "delivery": ("deliver", "parcel", "arriv", "late"), "price": ("price", "cheap", "expensive", "cost"),
    "quality": ("broke", "quality", "sturdy", "fell apart"), "size": ("size", "fit", "small", "large"),
}  # fmt: skip


class Feeling(BaseModel):
    """How a customer feels."""

    sentiment: Literal["negative", "neutral", "positive"]


def features(review: str) -> list[str]:
    """Tag what a review speaks of."""
    return [name for name, words in FEATURES.items() if any(word in review.lower() for word in words)]


def label(state: Mapping[str, Any]) -> Literal["unhappy", "others"]:
    """Tell the unhappy from the others."""
    return "unhappy" if state["feeling"]["sentiment"] == "negative" else "others"


def thanks(features: list[str]) -> str:
    """Thank a happy customer."""
    return f"Thank you for your words{' on ' + ' and '.join(features) if features else ''}."


feeling = prompt("feeling", "How does the customer feel?\n<text>{review}</text>", output=Feeling)
sorry = prompt("sorry", "Answer, and say you are sorry:\n<text>{review}</text>", into="reply", gate=r"\w")
answer = route(label, {"unhappy": sorry, "others": step(thanks, into="reply")}, name="answer")
one = chain([feeling, step(features)], answer, step(lambda feeling, features, reply: {**feeling, "features": features,
            "reply": reply}, into="handled", name="handled"), name="handle")  # fmt: skip
graph = chain(fan_out(one, over="reviews", item="review", into="handled"), name="shop_feedback")

REVIEWS = ["The parcel arrived late and the handle broke at once. Terrible.", "Sturdy, and a great price. I love it!",
           "It is a chair.", "Too small, although the size chart said it would fit. Disappointed."]  # fmt: skip

if __name__ == "__main__":
    found = graph.compile().invoke({"reviews": REVIEWS})["handled"]
    for text, handled in zip(REVIEWS, found, strict=True):
        print(f"{text}\n  {handled['sentiment']}, {', '.join(handled['features']) or 'nothing'}: {handled['reply']}")
    print(Counter(name for handled in found for name in handled["features"]))
