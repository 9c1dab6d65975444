"""`review`: a person decides before the run goes on."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from treadle.errors import GraphBuildError
from treadle.nodes.confidences import Below
from treadle.nodes.gates import Gate, gates
from treadle.nodes.inquiries.deadlines import Deadline, Span, deadline
from treadle.nodes.inquiries.durations import span
from treadle.nodes.inquiries.panels import Panel, named
from treadle.nodes.inquiries.questions import ACTIONS, Shape, answer_type
from treadle.nodes.inquiries.reviews import ALL, Review
from treadle.nodes.inquiries.sources import Source
from treadle.nodes.inquiries.triggers import Rule, When, triggers
from treadle.nodes.outputs import told

__all__ = ["Review", "review"]

OFFERED: Mapping[Shape, tuple[str, ...]] = {
    "approval": ("approve", "reject"),
    "edit": ("approve", "edit", "reject"),
    "escalation": ("approve", "take_over"),
    "feedback": ("approve", "respond"),
}
"""What a reviewer can do at a review of each shape, unless it says otherwise."""


def review(
    key: str,
    *,
    when: When | Mapping[str, Rule] | None = None,
    gate: Gate | Sequence[Gate] | None = None,
    confidence: float | Below | None = None,
    sample: float = 0.0,
    shape: Shape | None = None,
    actions: Sequence[str] | None = None,
    reject: Any = None,
    respond: str | None = None,
    rounds: int = 3,
    title: str | None = None,
    context: Sequence[str] = (),
    source: Source | None = None,
    reasons: Sequence[str] = (),
    labels: Sequence[str] = (),
    assign: str | None = None,
    priority: int = 0,
    panel: Panel | None = None,
    due: Span | Deadline | None = None,
    withdraw: Span | None = None,
    holds: bool = True,
    name: str | None = None,
) -> Review:
    """Stop the run until a person has decided on the state's `key`.

    Every value comes to a person, unless something says which: `when`, a condition that gets the value and answers best
    in words, or rules by their words; `gate`, for values that it refuses; `confidence`, for values of which the model
    was less sure; `sample`, for a share of them, the same ones each time. The words are shown.

    `shape` says what the person is there for: an approval, an edit (as it is by default), an escalation, in which the
    person takes the step over with the whole state in view, or feedback, in which the person's words go back to the
    model. `actions`, where given, are among approve, edit, reject, respond and take_over. `reject` says where a
    rejection leads: the name of an earlier step of the chain (the reviewer's words go with it), ``END``, or a step that
    is taken instead; `respond` says which earlier step gets the words; by default both mean the prompt that wrote the
    key. What is sent back comes round at most `rounds` times.

    The reviewer is shown the `title`, which may use keys in braces, the other keys that `context` names (``*``: all),
    and the part of a longer text that `source` finds; `reasons` are those that a rejection can name, `labels` those
    that can be put on any answer.

    `panel` says who may decide and how many must agree, `due` until when and what holds then (a span such as ``"2d"``,
    or a `Deadline`), `withdraw` for how long a decision can be taken back. `assign` and `priority` sort the queue.

    With ``holds=False`` the run goes on at once: the question is in the queue all the same, its id is left in
    ``<key>_question``, and its answer is feedback, which changes nothing in the run.

    The decision's action is left in ``<key>_decision`` and every decision in ``<key>_reviews``. In a StateGraph of your
    own it is a node; route after it on ``<key>_decision``.

    Raises:
        GraphBuildError: for unknown actions, a span that cannot be read, fewer than one round, or a default, a veto or
            labels that no answer could have.
    """
    chosen: Shape = shape or ("edit" if actions is None else _shape(actions))
    if chosen not in OFFERED:
        raise GraphBuildError(f"review of {key!r}: shape={shape!r}; it is one of {', '.join(OFFERED)}")
    label = name or f"{key}_review"
    where = f"review {label!r}"
    made = Review(
        name=label,
        key=key,
        title=title or f"Review of {key.replace('_', ' ')}",
        actions=tuple(OFFERED[chosen] if actions is None else actions),
        triggers=triggers(when=when, gates=gates(gate, where=where), below=confidence, sample=sample, where=where),
        reject=reject,
        respond=respond,
        rounds=rounds,
        context=named(context, what=f"{where}, context") or ((ALL,) if chosen == "escalation" else ()),
        source=source,
        reasons=named(reasons, what=f"{where}, reasons"),
        labels=named(labels, what=f"{where}, labels"),
        shape=chosen,
        holds=holds,
        assignee=assign,
        priority=priority,
        panel=panel or Panel(),
        deadline=deadline(due),
        withdraw=span(withdraw, where=label) if withdraw is not None else None,
    )
    _check(made)
    return made


def _shape(actions: Sequence[str]) -> Shape:
    """What a person is there for who can do this."""
    telling: tuple[tuple[str, Shape], ...] = (("take_over", "escalation"), ("respond", "feedback"), ("edit", "edit"))
    for action, shape in telling:
        if action in actions:
            return shape
    return "approval"


def _check(made: Review) -> None:
    """Refuse what could not work."""
    where = f"review {made.name!r}"
    if unknown := sorted(set(made.actions) - set(ACTIONS)):
        raise GraphBuildError(f"{where}: {unknown[0]!r} is no action; the actions are {', '.join(ACTIONS)}")
    if not made.actions:
        raise GraphBuildError(f"{where}: without actions nobody can answer it; give at least actions=('approve',)")
    if "reject" not in made.actions and made.reject is not None:
        raise GraphBuildError(f"{where} says where a rejection leads, but {made.actions} has no 'reject'")
    if "respond" not in made.actions and made.respond is not None:
        raise GraphBuildError(f"{where} says who gets a reviewer's words, but {made.actions} has no 'respond'")
    if "reject" not in made.actions and made.panel.veto:
        raise GraphBuildError(f"{where} gives {made.panel.veto[0]!r} a veto, but {made.actions} has no 'reject'")
    if not made.holds:
        _check_afterwards(made, where)
    if made.rounds < 1:
        raise GraphBuildError(f"{where}: rounds={made.rounds}; at least one is needed")
    _check_default(made, where)


def _check_afterwards(made: Review, where: str) -> None:
    """Refuse what would lead on, or back, from a question that the run does not wait for."""
    leading = [action for action in made.actions if action in ("respond", "take_over")]
    default = made.deadline is not None and made.deadline.default is not None
    told = {"reject=": made.reject is not None, "withdraw=": made.withdraw is not None, "a default": default}
    if odd := [*(f"the action {action!r}" for action in leading), *(name for name, given in told.items() if given)]:
        raise GraphBuildError(f"{where} does not hold the run, and {odd[0]} would have nothing to act on; leave it out")


def _check_default(made: Review, where: str) -> None:
    """Refuse a default that is no answer to the question."""
    answer = made.deadline.answer if made.deadline else None
    if answer is None:
        return
    try:
        answer_type(made.actions, labels=made.labels).model_validate(answer)
    except ValidationError as error:
        raise GraphBuildError(f"{where}: its default {answer} is no answer to it: {told(error)}") from None
