"""Technique 7 of 9, a call of a service: what a message names is looked up, and the answer is made of both.

Run it by ``python examples/service_call.py``. The service is a function here; a coroutine function does as well.
"""

import re
from typing import Any

from treadle import chain
from treadle.errors import InputInvalid
from treadle.nodes import prompt, step

ORDERS: dict[str, dict[str, Any]] = {
    "A-1042": {"status": "on its way", "due": "Thursday"},
    "A-1043": {"status": "delivered", "due": None},
}


def number(message: str) -> str:
    """Find the order's number."""
    found = re.search(r"A-\d{4}", message)
    if found is None:
        raise InputInvalid(f"no order is named in {message!r}; a number is such as A-1042")
    return found[0]


def order(number: str) -> dict[str, Any]:
    """Ask the shop for the order."""
    return {"number": number, **ORDERS.get(number, {"status": "unknown", "due": None})}


graph = chain(
    step(number),
    step(order),
    prompt("reply", "Tell the customer how it stands:\n<order>{order}</order>", model="rules", cache="1h"),
    name="service_call",
)

if __name__ == "__main__":
    done = graph.compile().invoke({"message": "Hello, where is my order A-1042?"})
    print(done["order"], done["reply"], sep="\n")
