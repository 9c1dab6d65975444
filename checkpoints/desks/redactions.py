"""What of a record is left out: which of its parts a field names, and all that says the same."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonpointer import JsonPointer, unescape

from treadle.checkpoints.desks.commitments import REMOVED, children, replaced
from treadle.checkpoints.desks.seals import CONTENT

LEAST = 4
"""Characters from which on a text that is removed is looked for in the other texts of its record."""

TWINS = (("payload", "proposal"), ("answer", "value"))
"""What was proposed and what was put in its place: a field of the one is the same field of the other."""


def places(record: Mapping[str, Any], fields: Collection[str]) -> set[str]:
    """Where in a record of a decision (its content, see ``seals.CONTENT``) is what the fields name, as JSON Pointers.

    A field is a JSON Pointer with ``*`` for any step (``/payload/context/*/email``), or a key wherever it stands
    (``email``, or ``patient.email`` inside of another). With it goes the same field of the edited value, of the edits,
    every other text that says what was said there, and the digests, from which it could be guessed.

    >>> sorted(places({"payload": {"email": "a@b.c", "why": "by a@b.c"}, "words": "ok"}, ["email"]))
    ['/payload/email', '/payload/why']
    """
    found = telling(record, fields, spoken(record, fields))
    if found:
        digests = ("/digest", "/shown", "/answer/digest")
        found |= {at for at in digests if JsonPointer(at).resolve(record, None) is not None}
    return _outermost(found)


def spoken(record: Mapping[str, Any], fields: Collection[str]) -> set[str]:
    """The texts that stand where the fields say, as far as they can be told from others."""
    return {text for at in _named(record, fields) for text in _texts(JsonPointer(at).resolve(record))}


def telling(record: Mapping[str, Any], fields: Collection[str], words: Collection[str]) -> set[str]:
    """Where in any record is what the fields name, or a text with one of these words in it, as JSON Pointers."""
    leaves = (at for at, text in _leaves(record) if isinstance(text, str) and any(one in text for one in words))
    return _outermost({*_named(record, fields), *leaves})


def redacted(record: Mapping[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """A record without what the fields name; the record itself is left as it is."""
    said = {name: record[name] for name in CONTENT if name in record}
    return {**record, **replaced(said, places(said, fields))} if fields else dict(record)


def _named(record: Mapping[str, Any], fields: Collection[str]) -> Iterator[str]:
    patterns = [_Pattern.of(one) for one in fields]
    for at, path in _paths(record):
        if any(one.fits(path) for one in patterns):
            yield at
    for place, edit in enumerate(record["edits"] if isinstance(record.get("edits"), list) else ()):
        path = tuple(JsonPointer(edit["path"]).parts)
        within = [(*twin, *path[:end]) for twin in TWINS for end in range(1, len(path) + 1)]
        if any(one.fits(part) for one in patterns for part in within):
            yield from (f"/edits/{place}/{name}" for name in ("value", "was") if name in edit)


@dataclass(frozen=True)
class _Pattern:
    """Which paths a field names."""

    steps: tuple[str, ...]
    whole: bool
    """Whether the steps are all of the path, not its last keys."""

    @staticmethod
    def of(field: str) -> "_Pattern":
        if field.startswith("/"):
            return _Pattern(tuple(JsonPointer(field).parts), whole=True)
        return _Pattern(tuple(field.split(".")), whole=False)

    def fits(self, path: tuple[str, ...]) -> bool:
        if self.whole:
            return any(_alike(self.steps, twin) for twin in _twins(path))
        keys = tuple(step for step in path if not step.isdecimal())
        return bool(path) and not path[-1].isdecimal() and keys[-len(self.steps) :] == self.steps


def _alike(steps: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(steps) == len(path) and all(step in ("*", part) for step, part in zip(steps, path, strict=True))


def _twins(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A path, and the same in what was proposed or put in its place."""
    yield path
    for one, other in (TWINS, TWINS[::-1]):
        if path[:2] == one:
            yield (*other, *path[2:])


def _paths(value: Any, at: str = "", path: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every part of a value: its JSON Pointer, and the keys and positions of that."""
    for step, part in children(value):
        inner = (f"{at}/{step}", (*path, unescape(step)))
        yield inner
        yield from _paths(part, *inner)


def _leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict | list):
        yield at, value
    for step, part in children(value):
        yield from _leaves(part, f"{at}/{step}")


def _texts(value: Any) -> Iterator[str]:
    """What is said in a part, as far as it can be told from other texts."""
    for _, leaf in _leaves(value):
        if isinstance(leaf, str) and len(leaf.strip()) >= LEAST and leaf != REMOVED:
            yield leaf.strip()


def _outermost(found: Collection[str]) -> set[str]:
    return {at for at in found if not any(at.startswith(f"{other}/") for other in found)}
