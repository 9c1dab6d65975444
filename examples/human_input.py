"""Technique 9 of 9, human input: the run waits for a person, whose version goes on.

Run it by ``python examples/human_input.py``: it asks, answers for you, and goes on. People answer in `treadle ui`.
"""

from treadle import chain, review
from treadle.checkpoints import SqliteSaver, decide, pending
from treadle.graphs.runs import resume, start
from treadle.nodes import prompt, step


def sent(reply: str) -> str:
    """Send the answer."""
    return f"Sent: {reply}"


graph = chain(
    prompt("reply", "Answer the customer:\n<message>{message}</message>", model="rules"),
    review("reply", context=("message",), title="The answer to a customer"),
    step(sent),
    name="human_input",
)

if __name__ == "__main__":
    with SqliteSaver("treadle.db") as saver:
        run = start(graph, {"message": "The blue vase arrived in pieces."}, saver=saver, name="human_input")
        (question,) = pending(saver, thread=run.thread_id)
        print(f"{question.title}, because {question.why}:\n{question.value['proposal']}\n")
        better = "We are sorry. A new blue vase is on its way, and you may keep the pieces."
        decide(saver, question.id, "edit", value=better, by="ada", thread=run.thread_id)
        run = resume(graph, run.thread_id, saver=saver)
        values = graph.compile(saver).get_state({"configurable": {"thread_id": run.thread_id}}).values
        print(f"{run.status}. {values['sent']}")
