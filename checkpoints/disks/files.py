"""Which file a path stands for: one that was removed or replaced under an open database is noticed."""

import os
from pathlib import Path

from treadle.errors import StoreError

Mark = tuple[int, int]
"""Device and number of a file."""


def mark(path: Path) -> Mark | None:
    """What tells a file from any other; None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def same(path: Path, before: Mark | None) -> None:
    """Raise StoreError if the path stands for another file now than it did, or for none."""
    if before is not None and mark(path) != before:
        raise StoreError(
            f"The database {path} was removed or replaced while it was open: what is written to it now would be lost."
            " Put the file back, or close this one and open the new one."
        )
