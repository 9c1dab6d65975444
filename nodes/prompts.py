"""`prompt`: one question to a model as a step, with a typed answer, gates, and the whole exchange recorded."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.message import add_messages
from langgraph.types import CachePolicy

from treadle.errors import GraphBuildError
from treadle.nodes.caches import Caching, policy
from treadle.nodes.confidences import told_under
from treadle.nodes.gates import Gate, classifiers, gates
from treadle.nodes.models import choose
from treadle.nodes.opinions import Votes
from treadle.nodes.outputs import Output
from treadle.nodes.parts import parts
from treadle.nodes.steps import State, Step, Work
from treadle.nodes.templates import Template


@dataclass(frozen=True)
class Prompt(Step):
    """One question to a model. Made by `prompt`."""

    name: str
    template: Template
    output: Output
    into: str
    system: Template | None = None
    model: str | BaseChatModel | None = None
    gates: tuple[Gate, ...] = ()
    attempts: int = 2
    examples: tuple[tuple[str, Any], ...] = field(default=())
    otherwise: "tuple[str | BaseChatModel | Prompt, ...]" = ()
    person: Step | None = None
    """The review that an answer goes to which no attempt made good; a `chain` puts it behind this step."""
    review: Step | None = None
    """The review of what the model is about to be sent; a `chain` puts it before this step."""
    request: str | None = None
    """The key of what a review let pass, which is sent in place of the filled template."""
    confidence: Votes | Step | None = None
    """The other opinions by which its confidence is known."""
    tells: bool = False
    """Whether it writes where the confidence in its answer is known from."""
    history: str | None = None
    attach: tuple[str, ...] = ()
    cache: CachePolicy[Any] | None = None
    redact: tuple[str, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The keys that the template, the system text, the attachments, the gates and the fallbacks need."""
        named = [*self.template.keys, *(self.system.keys if self.system else ()), *self.attach]
        others = [one for one in self.otherwise if isinstance(one, Prompt)]
        judges = [*classifiers(self.gates), *([self.confidence] if isinstance(self.confidence, Step) else [])]
        judged = [key for judge in judges for key in judge.reads if key != self.into]
        request = [self.request] if self.request else []
        return tuple(dict.fromkeys([*named, *judged, *(key for other in others for key in other.reads), *request]))

    @property
    def optional(self) -> tuple[str, ...]:
        """The keys that are read where they are there."""
        return (self.history,) if self.history else ()

    @property
    def takes(self) -> Mapping[str, Any]:
        """The parts that its templates name of the keys that they read."""
        return parts(self.fields)

    @property
    def fields(self) -> tuple[str, ...]:
        """What its templates name, those of its fallbacks included, such as ``clause.text``."""
        others = (field for one in self.otherwise if isinstance(one, Prompt) for field in one.fields)
        return (*self.template.fields, *(self.system.fields if self.system else ()), *others)

    @property
    def writes(self) -> Mapping[str, Any]:
        """The key that the answer goes to, with the declared type of its plain data."""
        answer = {self.into: self.output.declared if not isinstance(self.output.declared, Mapping) else dict}
        problem = {self.problem: str | None} if self.person else {}
        turns: dict[str, Any] = {self.history: Annotated[list[AnyMessage], add_messages]} if self.history else {}
        source = {told_under(self.into): str | None} if self.tells else {}
        return {**answer, **problem, **source, **turns}

    @property
    def problem(self) -> str:
        """The key that says why a person must see the answer, or None where it is good."""
        return f"{self.into}_problem"

    def spec(self, config: RunnableConfig) -> str | BaseChatModel:
        """Return the model to ask: the step's own, else the run's, else the default."""
        named: str | BaseChatModel | None = self.model or config.get("configurable", {}).get("model")
        return named or choose().spec

    def work(self, state: State, config: RunnableConfig) -> Work:
        """Ask, check, and ask again with the problem told, up to `attempts` times; then go where `otherwise` leads.

        Raises:
            OutputInvalid: when the last answer does not fit the output.
            GateFailed: when a gate refuses the last answer; the message names step, gate, value and attempts.
        """
        from treadle.nodes.asks import ask  # asks.py knows prompts; a prompt knows it only when it runs

        return ask(self, state, config)  # pyright: ignore[reportArgumentType]


Otherwise = str | BaseChatModel | Prompt | Step
"""Where an answer leads that stays bad: another model, another prompt, or a person (`review`), in that order."""


def prompt(
    name: str,
    template: str,
    *,
    output: Any = str,
    model: str | BaseChatModel | None = None,
    system: str | None = None,
    gate: Gate | Sequence[Gate] | None = None,
    attempts: int = 2,
    otherwise: Otherwise | Sequence[Otherwise] = (),
    into: str | None = None,
    review: Step | None = None,
    confidence: Votes | Step | None = None,
    inputs: Sequence[str] | None = None,
    examples: Sequence[tuple[str, Any]] = (),
    history: str | None = None,
    attach: Sequence[str] = (),
    cache: Caching | None = None,
    redact: Sequence[str] = (),
) -> Prompt:
    """Ask a model one question, as a step.

    `template` and `system` name state keys in braces; `inputs`, where given, are all the keys they must name. The
    answer goes to the key `into` (default: `name`) as plain data: text, or what `output` declares (a pydantic model,
    TypedDict, dataclass, ``list[...]``, ``Literal[...]``, number, or a JSON Schema). An answer that does not fit, or
    that a `gate` refuses, is sent back to the model with the problem, at most `attempts` times in all. An answer that
    is almost JSON is read for what it means, and the trace says so. When the attempts are used up, `otherwise` leads
    on: to other models, other prompts, and last to a person (``review(into)``, in a `chain`). With `review`, in a
    `chain`, a person sees what the model is about to be sent, and may change it: ``review("request", reject=END)``.

    How sure the model is goes into the output's field of the type `Confidence`: by its own measure or its
    log-probabilities where it gives them, else as it says itself. With `confidence` it is known otherwise:
    ``Votes(5, on="risk")`` asks several times and takes what most say, with their share; a step that reads the answer
    judges it by a number from 0 to 1.

    `examples` are pairs of a question and its right answer. `history` names a key with earlier messages, to which this
    exchange is added. `attach` names keys with images or documents (`treadle.nodes.attachments.attachment`). `cache` is
    how long an answer is good for the same input, such as ``"7d"``, or True. The values of the keys in `redact` (``*``:
    everything) are left out of the trace. Without `model`, the run's ``configurable`` names one under ``model``;
    without that, `treadle.nodes.choose` does.

    Where a review sends an answer back, the reviewer's words are added to the conversation.

    >>> ask = prompt("summary", "Sum up in a sentence:\\n{text}", model="rules")
    >>> ask.reads, list(ask.writes)
    (('text',), ['summary'])

    Raises:
        GraphBuildError: for a template that cannot be filled or leaves an input unused, fewer than one attempt, or an
            output without a schema.
    """
    if not name.replace("-", "_").isidentifier():
        raise GraphBuildError(f"prompt {name!r}: a name is a word of letters, digits, '_' and '-'")
    if attempts < 1:
        raise GraphBuildError(f"prompt {name!r}: attempts={attempts}; at least one is needed")
    declared = Output(output, name)
    if not declared.is_text:
        json.dumps(declared.schema)
    others: list[Any] = list(otherwise) if isinstance(otherwise, list | tuple) else [otherwise]
    made = Prompt(
        name=name,
        template=Template(template, name),
        output=declared,
        into=into or name.replace("-", "_"),
        system=Template(system, name) if system else None,
        model=model,
        gates=gates(gate, where=f"prompt {name!r}"),
        attempts=attempts,
        examples=tuple(examples),
        otherwise=tuple(one for one in others if isinstance(one, str | BaseChatModel | Prompt)),
        person=next((one for one in others if not isinstance(one, str | BaseChatModel | Prompt)), None),
        review=review,
        confidence=confidence,
        history=history,
        attach=tuple(attach),
        cache=policy(cache, where=f"prompt {name!r}"),
        redact=tuple(redact),
    )
    _check(made, others, inputs)
    return made


def _check(made: Prompt, others: Sequence[Any], inputs: Sequence[str] | None) -> None:
    """Refuse what could not work."""
    if inputs is not None and (odd := sorted(set(inputs) ^ set(made.template.keys + _system(made)))):
        verb = "never uses" if odd[0] in inputs else "uses and inputs= does not name"
        raise GraphBuildError(f"prompt {made.name!r}: its template {verb} {odd[0]!r}")
    for one in others:
        if isinstance(one, Prompt) and _shape(one) != _shape(made):
            raise GraphBuildError(
                f"prompt {made.name!r}: its fallback {one.name!r} declares another output; give both one"
            )
        if isinstance(one, Prompt) and one.review is not None:
            raise GraphBuildError(f"prompt {made.name!r}: its fallback {one.name!r} cannot have a review of its own")
    if made.person is not None:
        key = getattr(made.person, "key", None)
        if others[-1] is not made.person or key != made.into:
            raise GraphBuildError(f"prompt {made.name!r}: otherwise= ends with review({made.into!r}), and not before")
    if made.confidence is not None and not made.output.confidences:
        raise GraphBuildError(
            f"prompt {made.name!r}: confidence= fills a field, and its output declares none; give it one that is a "
            "treadle.nodes.Confidence"
        )
    if (vague := next((gate for gate in made.gates if isinstance(gate, Prompt) and _is_vague(gate)), None)) is not None:
        raise GraphBuildError(
            f"prompt {made.name!r}: say with which labels its gate {vague.name!r} lets an answer pass: "
            f"gate=accept({vague.name}, 'good'), or give that prompt output=bool"
        )


def _is_vague(gate: Prompt) -> bool:
    """Whether a prompt as a gate gives neither yes nor no, nor says in ``passes`` which it is."""
    return gate.output.declared is not bool and "passes" not in gate.output.schema.get("properties", {})


def _system(made: Prompt) -> tuple[str, ...]:
    return made.system.keys if made.system else ()


def _shape(made: Prompt) -> Any:
    return str if made.output.is_text else made.output.schema
