"""Operators: who may try runs again, go back in them, make rules, repair, remove text, and take the record away."""

import os
from collections.abc import Collection

from treadle.checkpoints.desks.panels import signed
from treadle.errors import NotAllowed

OPERATORS = "TREADLE_OPERATORS"
"""The environment variable that names the role which operators hold."""


def role() -> str | None:
    """The role that operating takes, as far as that is said: without it whoever can open the database operates."""
    return os.environ.get(OPERATORS) or None


def operate(by: str, roles: Collection[str], *, takes: str | None = None) -> None:
    """Raise NotAllowed if somebody who holds these roles may not operate, or is nobody.

    ``takes`` is the role it takes where none is named.
    """
    signed(by)
    wanted = role() or takes
    if wanted is not None and wanted not in roles:
        raise NotAllowed(f"{by} may not do this: it takes the role {wanted}. Nothing was changed.")
