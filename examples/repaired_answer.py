"""Technique 8 of 9, validation with repair: a bad answer goes back to the model with what is wrong with it.

Run it by ``python examples/repaired_answer.py``. A scripted model stands for one that gets it right the third time.
"""

from pathlib import Path

from pydantic import BaseModel

from treadle.checkpoints import SqliteSaver, traces
from treadle.graphs import chain
from treadle.graphs.runs import start
from treadle.nodes import prompt


class Order(BaseModel):
    """An order, as the warehouse takes it."""

    item: str
    quantity: int
    due: str


DATED = {"type": "object", "properties": {"due": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}}}
graph = chain(
    prompt(
        "order",
        "Read the order:\n<message>{message}</message>",
        output=Order,
        gate=[DATED, lambda order: order["quantity"] > 0 or "the quantity must be above nought"],
        attempts=3,
        model=f"scripted:{Path(__file__).with_suffix('.json')}",
    ),
    name="repaired_answer",
)

if __name__ == "__main__":
    with SqliteSaver("treadle.db") as saver:
        run = start(graph, {"message": "Two desk lamps please, soon."}, saver=saver, name="repaired_answer")
        for entry in traces(saver, run.thread_id):
            print(f"attempt {entry['attempt']}: {entry['response']}\n  {entry['gate'] or 'passes'}")
