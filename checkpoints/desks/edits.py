"""What an edit changed, field by field, as a JSON Patch (RFC 6902) that says of each field what it was."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import jsonpatch
import jsonpointer

Edit = Mapping[str, Any]
"""An operation of a JSON Patch: ``op`` (add, remove, replace), ``path`` (a JSON Pointer), ``value``, and ``was``."""


def edits(before: Any, after: Any) -> list[Edit]:
    """The patch that makes ``after`` of ``before``, both plain data; empty if they are equal.

    >>> edits({"risk": "high", "n": 1}, {"risk": "low", "n": 1})
    [{'op': 'replace', 'path': '/risk', 'value': 'low', 'was': 'high'}]
    """
    return list(_told(before, jsonpatch.make_patch(before, after).patch))


def patched(before: Any, patch: list[Edit]) -> Any:
    """What the patch makes of a value, which is left as it is."""
    return jsonpatch.apply_patch(before, [dict(one) for one in patch])


def field(path: str) -> str:
    """A JSON Pointer as the name of a field, whichever place of a list it is at.

    >>> field("/clauses/3/risk"), field("")
    ('clauses.*.risk', '')
    """
    parts = jsonpointer.JsonPointer(path).parts
    return ".".join("*" if part.isdecimal() or part == "-" else part for part in parts)


def _told(before: Any, patch: list[dict[str, Any]]) -> Iterator[Edit]:
    """Each operation with what it found; a move is told as what it is to the reader, a removal and an addition."""
    document = deepcopy(before)
    for one in patch:
        found = (
            None
            if one["op"] == "add"
            else deepcopy(jsonpointer.resolve_pointer(document, one.get("from", one["path"])))
        )
        if one["op"] == "move":
            yield {"op": "remove", "path": one["from"], "was": found}
            yield {"op": "add", "path": one["path"], "value": found}
        else:
            yield dict(one) if one["op"] == "add" else {**one, "was": found}
        document = jsonpatch.apply_patch(document, deepcopy([one]), in_place=True)
