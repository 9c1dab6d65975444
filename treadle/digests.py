"""The digest that binds a decision to what the reviewer was shown."""

import hashlib
import json
from typing import Any, Final

_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=repr)


def digest(value: Any) -> str:
    """SHA-256, in hex, of a value's canonical JSON: keys sorted, no spaces, UTF-8.

    What JSON does not know (a message, a date) is taken by its ``repr``.

    >>> digest({"b": 1, "a": "é"}) == digest({"a": "é", "b": 1})
    True
    """
    return hashlib.sha256(_ENCODER.encode(value).encode("utf-8", "surrogatepass")).hexdigest()
