"""Deciding in the terminal: one question after the other, with few keys."""

import json
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from treadle.commands.printing import STYLES, clean, console, say
from treadle.commands.terms import terms
from treadle.errors import AnswerInvalid, ReviewClosed

if TYPE_CHECKING:
    from treadle.checkpoints import SqliteSaver
    from treadle.checkpoints.reviews import Review


class Quit(Exception):
    """The reviewer leaves; what was decided stays decided."""


def ask(review: "Review", *, place: str = "") -> None:
    """Print a question: what is proposed, why a person is asked, the context, and what was said before."""
    value = review.value if isinstance(review.value, Mapping) else {"proposal": review.value}
    say()
    say(f"{place}{review.title or review.node}", style="bold")
    if review.why:
        say(f"A person is asked because {review.why}.", style="yellow")
    for term in terms(review):
        say(term, style="dim")
    for text in (value.get("note"), review.problem):
        if text:
            say(str(text), style="red")
    for name, context in (value.get("context") or {}).items():
        say(f"{name}:", style="dim")
        _show(_readable(context))
    for entry in value.get("history") or ():
        said = ". ".join(str(entry[key]) for key in ("reason", "words") if entry.get(key))
        say(
            f"Round {entry.get('round')}: {entry.get('action')} by {entry.get('by')}{': ' + said if said else ''}",
            style="dim",
        )
    say("proposal:" if "proposal" in value else "question:", style="dim")
    _show(value.get("proposal", value))


def _readable(context: Any) -> Any:
    """The words of a context that has words, such as a clause, else all of it."""
    return context["text"] if isinstance(context, Mapping) and isinstance(context.get("text"), str) else context


def _show(value: Any) -> None:
    """Print a value below what it is of: text as it is, an object field by field."""
    if isinstance(value, Mapping):
        width = max((len(str(name)) for name in value), default=0)
        shown = Text("\n").join(_field(str(name).ljust(width), part) for name, part in value.items())
    else:
        shown = Text(clean(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)))
    if console().is_terminal:
        console().print(Padding(shown, (0, 0, 0, 2)))
    else:
        say("\n".join(f"  {line}".rstrip() for line in shown.plain.splitlines()))


def _field(name: str, value: Any) -> Text:
    text = clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return Text.assemble((f"{name}  ", "dim"), (text, STYLES.get(text, "")))


@dataclass(frozen=True)
class Desk:
    """One reviewer at a terminal."""

    saver: "SqliteSaver"
    by: str

    def clear(self, reviews: "Sequence[Review]") -> int:
        """Go through the questions; return how many were decided here. Quit is raised when the reviewer leaves."""
        decided = 0
        for number, review in enumerate(reviews, 1):
            ask(review, place=f"[{number} of {len(reviews)}] ")
            decided += self._decide(review)
        return decided

    def _decide(self, review: "Review") -> bool:
        """Ask until the question is decided or left; False for a question that was skipped or decided elsewhere."""
        from treadle.checkpoints.decisions import decide

        started = time.monotonic()
        while True:
            given = self._answer(review)
            if given is None:
                return False
            try:
                made = decide(
                    self.saver, review.id, by=self.by, digest=review.digest, thread=review.thread_id, client="terminal",
                    seconds=time.monotonic() - started, **given,
                )  # fmt: skip
            except AnswerInvalid as error:
                say(str(error), style="red")
            except ReviewClosed as error:
                say(str(error), style="red")
                return False
            else:
                say(f"Recorded: {made.action}.", style="green")
                return True

    def _answer(self, review: "Review") -> dict[str, Any] | None:
        """What the reviewer decides, as the arguments of `decide`; None to leave it."""
        value = review.value if isinstance(review.value, Mapping) else {}
        actions = value.get("actions")
        if not isinstance(actions, list):
            return self._free(review)
        action = choice([*(str(one) for one in actions), "skip", "quit"])
        if action == "skip":
            return None
        if action == "reject":
            return {
                "action": action,
                "reason": _reason(value.get("reasons") or ()),
                "words": _line("In your words: ") or None,
            }
        if action == "edit":
            edited = edit(value.get("proposal"), _schema(review.schema))
            return {"action": action, "value": edited} if edited is not None else self._answer(review)
        return {"action": action}

    def _free(self, review: "Review") -> dict[str, Any] | None:
        """An answer to a question that names no actions: JSON, or text where it is none."""
        text = _line("Answer (JSON or text; empty to skip, q to quit): ")
        if text == "q":
            raise Quit
        return {"answer": _parsed(text)} if text else None


def choice(actions: Sequence[str]) -> str:
    """One of the actions, by its first letter."""
    keys = {action[0]: action for action in reversed(actions)}
    prompt = "  ".join(f"[{action[0]}]{action[1:]}" for action in actions)
    while True:
        given = _line(f"{prompt}: ").lower()
        action = keys.get(given[:1])
        if action == "quit":
            raise Quit
        if action and action.startswith(given):
            return action
        say(f"Type one of {', '.join(keys[action[0]][0] for action in actions)}.")


def _reason(reasons: Sequence[str]) -> str | None:
    """One of the fixed reasons, by its number."""
    for number, reason in enumerate(reasons, 1):
        say(f"  {number} {reason}")
    given = _line("Reason (number, empty for none): ") if reasons else ""
    return reasons[int(given) - 1] if given.isdigit() and 0 < int(given) <= len(reasons) else None


def edit(proposal: Any, schema: Mapping[str, Any]) -> Any:
    """The reviewer's version of a proposal: field by field, in an editor for a text; None if nothing was changed."""
    if isinstance(proposal, str):
        edited: Any = _written(proposal)
    elif isinstance(proposal, Mapping):
        known = _properties(schema)
        edited = {name: _changed(name, part, known.get(name, {})) for name, part in proposal.items()}
    else:
        edited = _parsed(_written(json.dumps(proposal, indent=2, ensure_ascii=False)))
    if edited == proposal:
        say("Nothing was changed.")
        return None
    return edited


def _changed(name: str, value: Any, schema: Mapping[str, Any]) -> Any:
    allowed = schema.get("enum")
    hint = f" ({' | '.join(map(str, allowed))})" if allowed else ""
    while True:
        given = _line(f"  {name} [{value}]{hint}: ")
        if not given:
            return value
        if not allowed or given in allowed:
            return given if isinstance(value, str) or allowed else _parsed(given)
        say(f"  {given} is not one of these.")


def _written(text: str) -> str:
    """A text as the reviewer leaves it in $VISUAL or $EDITOR; without an editor, the one line that is typed instead."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        return _line("Your text, on one line (set EDITOR to edit it as it stands; empty to leave it): ") or text
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "text.md"
        file.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            say(f"The editor {editor} could not be used: {error}", style="red")
            return text
        written = file.read_text(encoding="utf-8")
    return written if text.endswith("\n") else written.removesuffix("\n")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _schema(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The part of an answer's schema that its edited value must fit, references followed."""
    part = ((schema or {}).get("properties") or {}).get("value") or {}
    return _resolved(part, schema or {})


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return schema.get("properties") or {}


def _resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for branch in part.get("anyOf", ()):
        if branch.get("type") != "null":
            return _resolved(branch, root)
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    found: Mapping[str, Any] = (root.get("$defs") or {}).get(name, part)
    return found


def _line(prompt: str) -> str:
    """A line that the reviewer types; the end of input is a leave-taking."""
    try:
        return input(prompt).strip()
    except EOFError:
        raise Quit from None
