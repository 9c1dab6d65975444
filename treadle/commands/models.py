"""``treadle models``: which models can be used here, and how to get a better one."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from treadle.commands.options import Json
from treadle.commands.printing import as_json, console, say, table, told

app = typer.Typer(invoke_without_command=True, rich_markup_mode="markdown")


class Row(NamedTuple):
    """One model."""

    model: str
    usable: bool
    why: str
    """What it is good for if it is usable, else what would make it so."""
    default: bool


@app.callback()
def models(ctx: typer.Context, json: Json = False) -> None:
    """List the models: which can be used here, which is used where none is named, and what would help the others.

    Example: `treadle models`
    """
    if ctx.invoked_subcommand is not None:
        return
    rows = list(_rows())
    if json:
        as_json([row._asdict() for row in rows])
        return
    cells = [(row.model + (" *" if row.default else ""), "yes" if row.usable else "no", row.why) for row in rows]
    table(("model", "usable", "good for, or what it needs"), cells)
    told("* is used where none is named. --model SPEC, or the variable TREADLE_MODEL, names another.")


@app.command("prices")
def prices(json: Json = False) -> None:
    """List what a million tokens of each model cost, in US dollars; a table of your own stands over the shipped one.

    Example: `TREADLE_PRICES=prices.toml treadle models prices`
    """
    from treadle.nodes.prices import KEYS, SHIPPED, VARIABLE
    from treadle.nodes.prices import table as held

    found = held()
    if json:
        as_json(found)
        return
    table(("model", *KEYS), [(name, *(price.get(key, "") for key in KEYS)) for name, price in found.items()])
    own = os.environ.get(VARIABLE)
    told(f"{own} stands over {SHIPPED}." if own else f"They are in {SHIPPED}; ${VARIABLE} names a file of your own.")


def _rows() -> Iterator[Row]:
    from treadle.nodes.models import choose
    from treadle.nodes.rules import GOOD_FOR

    chosen = choose().spec
    yield Row("rules", True, f"no language model; {GOOD_FOR}", chosen == "rules")
    yield from _local(chosen)
    usable, why = _bedrock()
    yield Row("bedrock:MODEL-ID", usable, why, chosen.startswith("bedrock:"))


def _local(chosen: str) -> Iterator[Row]:
    from treadle.nodes.local.downloads import told as size
    from treadle.nodes.local.weights import DEFAULT, KNOWN, present

    runtime = find_spec("xllamacpp") is not None
    for name, weights in KNOWN.items():
        spec = "local" if name == DEFAULT else f"local:{name}"
        needs = [*([] if runtime else ["pip install 'treadle[local]'"])]
        needs += [] if present(name) else [f"treadle models pull {name} ({size(weights.size)})"]
        why = f"needs {' and '.join(needs)}" if needs else f"{weights.use} ({name})"
        yield Row(spec, not needs, why, spec == chosen)


def _bedrock() -> tuple[bool, str]:
    """Whether there are signs of credentials; nothing is read of them and nobody is asked."""
    named = [name for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_BEARER_TOKEN_BEDROCK") if os.environ.get(name)]
    if named or (Path.home() / ".aws").is_dir():
        return True, f"AWS settings are there ({', '.join(named) or '~/.aws'}); they are used only if you name it"
    return False, "needs AWS credentials and a region: aws configure"


@app.command("pull")
def pull(
    name: Annotated[str | None, typer.Argument(help="Which weights.", show_default="those of the model local")] = None,
) -> None:
    """Fetch the weights of a local model from their publisher; a fetch that was broken off goes on where it stopped.

    Example: `treadle models pull`
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from treadle.nodes.local.weights import DEFAULT, known, pull

    weights = known(name or DEFAULT)
    say(f"{weights.name} ({weights.licence}) from {weights.repository}")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(), disable=not console().is_terminal) as bars:
        task = bars.add_task("fetching", total=weights.size)
        path = pull(weights, progress=lambda done, whole: bars.update(task, completed=done, total=whole))
    say(f"Checked (SHA-256) and ready: {path}")


@app.command("add")
def add(file: Annotated[Path, typer.Argument(help="A copy of known weights, from anywhere.")]) -> None:
    """Take a copy of known weights, recognised by its SHA-256.

    Example: `treadle models add ~/Downloads/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf`
    """
    from treadle.nodes.local.weights import add

    weights = add(file)
    say(f"Added {weights.name}, good for {weights.use}.")
