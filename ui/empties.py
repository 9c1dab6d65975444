"""What a page shows where there is nothing to show: what that means, and what to do."""

from treadle.ui.markups import put, tag


def empty(title: str, *lines: str, command: str | None = None) -> None:
    """Say what is not there, and what would bring it."""
    told = [tag("p", one, kind="faint") for one in lines]
    shell = [tag("p", tag("code", command))] if command else []
    put(tag("div", tag("h4", title, kind="head"), *told, *shell, kind="empty"))
