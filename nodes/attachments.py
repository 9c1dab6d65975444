"""Attachments: images and documents of the state, as the content blocks of a message."""

import base64
import hashlib
import mimetypes
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from treadle.errors import DocumentError, InputInvalid

Block = dict[str, Any]
"""A LangChain content block as plain data: ``{"type": "image", "mime_type": "image/png", "base64": "..."}``."""

TYPES = ("image", "file", "audio", "video", "text-plain", "image_url", "document")
"""The types that a block in the state may have."""


def attachment(path: str | os.PathLike[str]) -> Block:
    """Return a file as a block that can be put in the state, under a key that a prompt names in ``attach=``.

    Raises:
        DocumentError: when the file cannot be read, or is of no kind that is known.
    """
    file = Path(path)
    kind, _ = mimetypes.guess_type(file.name)
    if kind is None:
        raise DocumentError(f"{file} is of no known kind; give it an ending such as .png, .jpg or .pdf")
    try:
        data = base64.b64encode(file.read_bytes()).decode("ascii")
    except OSError as error:
        raise DocumentError(f"{file} cannot be attached: {error.strerror}") from None
    family = kind.partition("/")[0]
    block = {"type": family if family in TYPES else "file", "mime_type": kind, "base64": data}
    return block if family == "image" else {**block, "extras": {"name": file.stem}}


def blocks(state: Mapping[str, Any], keys: Sequence[str], *, step: str) -> list[Block]:
    """Return the blocks under some keys of the state: each a block, a list of them, or None.

    Raises:
        InputInvalid: for anything else; a path is not opened, since a model may have written it.
    """
    return [_sound(one, key, step) for key in keys for one in _several(state.get(key))]


def told(block: Block) -> dict[str, Any]:
    """Return what the trace keeps of a block: what it is and its digest, not its bytes."""
    data = str(block.get("base64") or block.get("url") or block.get("text") or "")
    return {
        "type": block["type"],
        "mime_type": block.get("mime_type"),
        "characters": len(data),
        "sha256": hashlib.sha256(data.encode()).hexdigest(),
    }


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _sound(one: Any, key: str, step: str) -> Block:
    if isinstance(one, Mapping) and one.get("type") in TYPES:
        return dict(one)
    raise InputInvalid(
        f"step {step!r} attaches {key!r}, which must hold content blocks such as attachment('scan.png') gives, and "
        f"holds {type(one).__name__}"
    )
