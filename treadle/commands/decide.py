"""``treadle decide``: answer one review."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands import bulks
from treadle.commands.mistakes import Mistake, code
from treadle.commands.options import (
    DEFAULT,
    By,
    Database,
    Graphs,
    Json,
    Roles,
    Thread,
    advanced,
    content,
    data,
    existing,
    person,
)
from treadle.commands.printing import as_json, gathering, many, say, told, when

if TYPE_CHECKING:
    from treadle.checkpoints import Decision, SqliteSaver, Tally
    from treadle.checkpoints.reviews import Review
    from treadle.checkpoints.runs import Run


def decide(
    id: Annotated[str, typer.Argument(metavar="ID", help="The review's id or its beginning; several by commas; all.")],  # noqa: A002
    action: Annotated[
        str | None,
        typer.Argument(metavar="[approve|edit|reject|...]", help="What you decide: one of the question's actions."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(
            "--value", metavar="JSON|@FILE", help="With edit: what to go on with (text, where the proposal is text)."
        ),
    ] = None,
    reason: Annotated[
        list[str] | None, typer.Option("--reason", help="One of the question's reasons; may be said again.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="One of the question's labels; may be said again.")
    ] = None,
    words: Annotated[
        str | None, typer.Option("--words", help="Your own words; after reject they go back to the model.")
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="JSON|@FILE", help="The whole answer, for a question that names no actions."),
    ] = None,
    by: By = None,
    role: Roles = None,
    thread: Thread = None,
    graph: Annotated[str | None, typer.Option("--graph", metavar="NAME", help="With all: only of this graph.")] = None,
    gate: Annotated[str | None, typer.Option("--gate", metavar="NAME", help="With all: only of this review.")] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="WORDS", help="With all: only with these words.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Decide several, and not only show what that covers.")] = False,
    advance: Annotated[bool, typer.Option("--advance", help="Take the run on at once, here.")] = False,
    db: Database = DEFAULT,
    graphs: Graphs = None,
    json: Json = False,
) -> None:
    """Record a decision. The first one holds; a later one is refused and told who decided.

    A question may name the roles that may decide, and how many people must agree: then each decision is a vote.

    The run goes on by itself where a worker serves the database (`treadle ui` has one, `treadle worker` is one), or
    here with `--advance`. Several reviews of one shape are decided at once, all or none; sums and what stands out are
    shown first.

    Example: `treadle decide 3f2a reject --words "The cap protects one side only"`
    """
    from treadle.checkpoints import decide as record
    from treadle.checkpoints import review, votes

    if bulks.several(id):
        wanted = {"thread": thread, "graph": graph, "gate": gate, "search": search}
        said: dict[str, Any] = {"by": person(by), "roles": role or (), "words": words}
        said |= {"reason": reason or None, "labels": label or ()}
        bulks.decide(db, id, action, wanted, sure=yes, json=json, **said)
        return
    if (action is None) == (answer is None):
        raise Mistake("Say what you decide: an action (approve, edit, reject), or --answer with the whole answer.")
    if value is not None and action not in ("edit", "take_over"):
        raise Mistake("--value goes with the action edit, or take_over.")
    with existing(db, readonly=False) as saver:
        question = review(saver, id, thread=thread)
        given = _given(question, value, answer)
        made = record(
            saver, question.id, action, by=person(by), roles=role or (), reason=reason or None, words=words,
            labels=label or (), thread=question.thread_id, client="command line", **given,
        )  # fmt: skip
        tally = votes(saver, question.id, by=made.by, thread=question.thread_id)
        run = advanced(saver, graphs, question.thread_id) if advance else _run(saver, question.thread_id)
    if json:
        as_json({"decision": made, "run": run})
    else:
        vote = "a vote, " if made.kind == "vote" else ""
        say(f"Recorded: {vote}{made.action} by {made.by} on {question.title or question.node}.")
        told(_missing(tally) if made.kind == "vote" else _next(run, made, advance=advance))
    if advance:
        raise typer.Exit(code(run.status))


def _given(question: "Review", value: str | None, answer: str | None) -> dict[str, Any]:
    """The value or the answer as data; a text stays a text where the proposal is one."""
    if answer is not None:
        return {"answer": data(answer, option="--answer")}
    if value is None:
        return {}
    proposal = question.value.get("proposal") if isinstance(question.value, dict) else None
    return {"value": content(value, option="--value") if isinstance(proposal, str) else data(value, option="--value")}


def _run(saver: "SqliteSaver", thread: str) -> "Run":
    from treadle.checkpoints.runs import run

    return run(saver, thread)


def _missing(tally: "Tally") -> str:
    """How many must still vote, as a sentence."""
    if tally.adjudicating:
        return "The votes differ: one more person, who has not voted, must decide."
    people = "one more person must" if tally.missing == 1 else f"{tally.missing} more people must"
    return f"Before it is decided {people} {'vote' if tally.blind else 'answer alike'}."


def _next(run: "Run", made: "Decision", *, advance: bool) -> str:
    left = f" {many(run.pending, 'review')} of its run still to be decided." if run.pending else ""
    if run.not_before is not None and run.status == "decided":
        told = f"It can be taken back until {when(run.not_before)}: treadle reviews withdraw {made.interrupt_id[:12]}"
        return f"{told}. Then a worker takes the run on.{left}"
    if advance:
        return f"The run {run.thread_id} is {run.status}.{left}"
    if run.gathers:
        return f"{gathering(run)} `--advance` takes it on at once, here."
    return f"The run goes on by a worker (that of `treadle ui`, or `treadle worker`), or with --advance here.{left}"
