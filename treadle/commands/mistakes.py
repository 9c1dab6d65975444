"""What each exit code means, and one line instead of a traceback for a user's mistake."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from treadle.errors import (
    AnswerBlocked,
    AnswerCut,
    GateFailed,
    OutputInvalid,
    PromptTooLong,
    QuorumNotMet,
    TreadleError,
)

FAILED = 1
"""The run failed, or the doctor found something wrong."""
MISTAKE = 2
"""The command could not be carried out as it was given; nothing was changed."""
WAITS = 3
"""The run waits for a person."""
STOPPED = 130
"""Ctrl-C."""

CODES = (
    "Exit codes: **0** done · **1** the run failed, or something is wrong · **2** a mistake in the command or what it"
    " was given · **3** the run waits for a person · **130** stopped by Ctrl-C."
)

ORDER = (
    "demo", "run", "runs", "reviews", "decide", "rules", "audit", "insights", "export", "worker", "notices", "ui",
    "graph",    "versions", "models", "db", "doctor",
)  # fmt: skip

_OF_THE_RUN = (AnswerBlocked, AnswerCut, GateFailed, OutputInvalid, PromptTooLong, QuorumNotMet)


class Mistake(TreadleError):
    """A command that cannot be carried out as it was given."""


class Guarded(TyperGroup):
    """The commands, with every error that treadle raises on purpose told in one line."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which a newcomer needs them."""
        known = super().list_commands(ctx)
        return sorted(known, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except TreadleError as error:
            complain(str(error))
            raise typer.Exit(FAILED if isinstance(error, _OF_THE_RUN) else MISTAKE) from None
        except KeyboardInterrupt:
            stopped()
            raise typer.Exit(STOPPED) from None


def complain(sentence: str) -> None:
    """Say on one line of the error stream what is wrong."""
    print(f"treadle: {' '.join(sentence.split())}", file=sys.stderr)


def stopped() -> None:
    """Say that Ctrl-C was heard, and what is left."""
    print(
        "\ntreadle: stopped. What was recorded is kept; the same command goes on from there.",
        file=sys.stderr,
        flush=True,
    )


def code(status: str) -> int:
    """The exit code for where a run stands."""
    return {"done": 0, "failed": FAILED, "parked": FAILED}.get(status, WAITS)
