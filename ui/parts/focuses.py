"""Where the keyboard is: a panel that opens takes it, and what is typed while it opens is kept for it."""

from collections.abc import Mapping

from treadle.ui.scripts import script


def hold(keys: Mapping[str, str]) -> None:
    """Keep what is typed, from the moment a panel is asked for, until it has the keyboard; `keys` by action."""
    script("hold", {key: action for action, key in keys.items()})


def focus(key: str, *, turn: str) -> None:
    """Put the keyboard into the first field of the container with that key, once for each `turn`."""
    script("focus", f".st-key-{key}", turn)
