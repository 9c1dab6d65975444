"""Technique 3 of 9, a sequence: each output feeds the next. Run it by ``python examples/sequence_of_steps.py``."""

from treadle import chain
from treadle.nodes import prompt, step


def points(text: str) -> list[str]:
    """Split a text into its sentences."""
    return [f"{part.strip()}." for part in text.split(".") if part.strip()]


graph = chain(
    step(points),
    prompt("gist", "Sum up in one sentence:\n<points>{points}</points>", gate=r"\w", model="rules"),
    prompt("subject", "Write a subject line of at most eight words:\n<text>{gist}</text>", model="rules"),
    name="sequence",
)

TEXT = """Our water meter will be changed on Friday. The water is off from nine to eleven. Please fill a kettle before.
The new meter is read from the street. Nobody has to be at home for that."""

if __name__ == "__main__":
    done = graph.compile().invoke({"text": TEXT})
    print(*done["points"], "", f"Subject: {done['subject']}", done["gist"], sep="\n")
