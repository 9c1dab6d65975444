"""``treadle insights``: what the decisions so far teach."""

import json as js
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.commands.db import seconds
from treadle.commands.options import DEFAULT, Database, Json, existing
from treadle.commands.printing import as_json, many, say, table

if TYPE_CHECKING:
    from treadle.checkpoints.insights import Agreement, Change, Overturns, Pace, Said


def insights(
    graph: Annotated[str | None, typer.Option("--graph", metavar="NAME", help="Only of this graph.")] = None,
    gate: Annotated[str | None, typer.Option("--gate", metavar="NAME", help="Only of this review.")] = None,
    last: Annotated[str | None, typer.Option("--last", metavar="AGE", help="Only of the last 30d, 12h, 45min.")] = None,
    catch: Annotated[
        float, typer.Option("--catch", min=0.01, max=1, help="Share of the errors that a threshold is to catch.")
    ] = 0.9,
    db: Database = DEFAULT,
    json: Json = False,
) -> None:
    """Tell where people overturn the model, what they change and why, how far they agree, and how carefully they look.

    It is about what came to people: of what never came nothing is known, unless a random sample came as well.

    Example: `treadle insights --gate refund_review --last 30d`
    """
    from treadle.checkpoints import insights as lessons

    since = 0.0 if last is None else time.time() - seconds(last, option="--last")
    wanted: dict[str, Any] = {"graph": graph, "gate": gate, "since": since}
    with existing(db) as saver:
        overturned, paces = lessons.overturns(saver, catch=catch, **wanted), lessons.paces(saver, **wanted)
        edits, said = lessons.edits(saver, **wanted), lessons.said(saver, **wanted)
        agreed = lessons.agreement(saver, **wanted)
    if json:
        as_json({"overturns": overturned, "edits": edits, "said": said, "agreement": agreed, "paces": paces})
        return
    _overturns(overturned)
    _edits(edits)
    _said(said)
    _agreement(agreed)
    _paces(paces)


def _overturns(found: "Overturns") -> None:
    say(f"{many(found.total, 'decision')}, {found.overturned} overturned{_share(found.rate, found.interval)}.")
    bands = [band for band in found.bands if band.total]
    if bands:
        say("By the model's confidence", style="bold")
        rows = [
            (f"{one.low:.2f} to {one.high:.2f}", one.total, one.overturned, _share(one.rate, one.interval))
            for one in bands
        ]
        table(("confidence", "decisions", "overturned", "rate"), rows)
    if (line := found.threshold) is not None:
        say(
            f"Below {line.below:.3f} lie {line.caught} of {line.errors} errors{_share(line.share, line.interval)} and"
            f" {line.reviewed:.0%} of all."
        )


def _share(rate: float | None, interval: tuple[float, float]) -> str:
    return "" if rate is None else f" ({rate:.0%}, {interval[0]:.0%} to {interval[1]:.0%})"


def _edits(found: "list[Change]") -> None:
    if found:
        say("What is edited", style="bold")
        rows = [(one.field or "(all)", one.edits, f"{one.share:.0%}", _common(one)) for one in found]
        table(("field", "edits", "share", "most often"), rows)


def _common(one: "Change") -> str:
    was, now, count = one.common[0]
    text = f"{js.dumps(was, ensure_ascii=False)[:40]} to {js.dumps(now, ensure_ascii=False)[:40]}"
    return f"{text} ({count} times)" if count > 1 else text


def _said(found: "list[Said]") -> None:
    if found:
        say("Reasons and labels", style="bold")
        table(("kind", "", "times"), [(one.kind, one.words, one.total) for one in found])


def _agreement(found: "Agreement") -> None:
    if found.questions:
        say("Agreement", style="bold")
        kappa = "" if found.fleiss is None else f", Fleiss' kappa {found.fleiss:.2f}"
        say(f"{many(found.questions, 'question')} decided by several: {found.observed:.0%} of pairs agree{kappa}.")
        rows = [(one.one, one.other, one.questions, f"{one.observed:.0%}", _kappa(one.kappa)) for one in found.pairs]
        table(("one", "other", "questions", "agree", "Cohen's kappa"), rows)


def _kappa(kappa: float | None) -> str:
    return "" if kappa is None else f"{kappa:.2f}"


def _paces(found: "list[Pace]") -> None:
    if found:
        say("Pace", style="bold")
        columns = ("by", "decisions", "seconds", "words", "approved", "too fast", "known right", "look at")
        table(columns, [_pace(one) for one in found])


def _pace(one: "Pace") -> tuple[Any, ...]:
    known = f"{one.right} of {one.seeded}" if one.seeded else ""
    return (one.by, one.decisions, one.seconds, one.words, f"{one.approved:.0%}", one.hasty, known, one.warning)
