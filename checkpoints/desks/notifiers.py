"""Notifiers: what takes a notice to people. Two come with treadle, others by an entry point.

A notifier is anything with a ``name`` and a ``send``. What an option such as ``log:desk.log`` names is made by the
factory that the entry point group ``treadle.notifiers`` has under the word before the colon; it gets what is behind it.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from treadle.checkpoints.desks.notices import Notice, Notifier
from treadle.checkpoints.desks.webhooks import Webhook
from treadle.errors import NotifierUnknown

GROUP = "treadle.notifiers"


@dataclass(frozen=True)
class LogFile:
    """Appends each notice to a file, a line of JSON each, on the disk before it counts as delivered."""

    path: Path

    @property
    def name(self) -> str:
        """The file's place."""
        return f"log:{self.path.absolute()}"

    def send(self, notice: Notice) -> None:
        """Append a line, at once and whole."""
        line = json.dumps(notice.payload(), ensure_ascii=False) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, line.encode("utf-8", "replace"))
            os.fsync(handle)
        finally:
            os.close(handle)


_OURS: Mapping[str, Callable[[str], Notifier]] = {
    "log": lambda rest: LogFile(Path(rest)),
    "webhook": lambda rest: Webhook(rest, secret=os.environ.get("TREADLE_WEBHOOK_SECRET", "")),
}


def notifier(spec: str) -> Notifier:
    """Make the notifier that ``kind:rest`` names, such as ``log:desk.log`` or ``webhook:https://example.org/desk``.

    A webhook's secret is the environment's TREADLE_WEBHOOK_SECRET. Raises NotifierUnknown, with the kinds there are.
    """
    kind, _, rest = spec.partition(":")
    others = {point.name: point for point in entry_points(group=GROUP)}
    if not rest or kind not in (*_OURS, *others):
        known = ", ".join(sorted({*_OURS, *others}))
        raise NotifierUnknown(f"{spec!r} names no channel: write KIND:REST, where KIND is one of {known}.")
    make = _OURS.get(kind) or others[kind].load()
    return make(rest)
