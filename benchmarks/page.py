"""Measure how soon the page shows what waits: ``python benchmarks/page.py [--quick] [--json FILE]``."""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from desk import filled
from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from stores.claims import Claim, Claims, save, show

from treadle.checkpoints import SqliteSaver, count, pending
from treadle.testing.pages import CHROMIUM, running, served
from treadle.ui.servers import free, options


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and repetitions")
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    parser.add_argument("--db", type=Path, help="take this database, or build it there and keep it")
    given = parser.parse_args()
    claims = show(paints(quick=given.quick, kept=given.db), Console())
    if given.json:
        save(claims, given.json)


def paints(*, quick: bool, kept: Path | None = None) -> Claims:
    """Seconds from opening a page to its first useful paint, in a browser and a server that are warm.

    The pages take turns with one that says a word: what Streamlit itself takes on this machine at this moment.
    """
    waiting, decided, rounds = (10_000, 100_000, 5) if quick else (100_000, 1_000_000, 9)
    with tempfile.TemporaryDirectory() as folder:
        db = kept or Path(folder) / "page.db"
        if not db.exists():
            with filled(db, waiting, decided) as saver:
                saver.database.write(lived)
        with SqliteSaver(db) as saver:
            one = pending(saver, limit=1)[0]
            sizes = f"{count(saver):,} waiting, {count(saver, status='closed'):,} decided"
        bare = Path(folder) / "bare.py"
        bare.write_text("import streamlit\n\nstreamlit.button('One word', key='bare')\n")
        with served(db, worker=False) as ours, plain(bare) as theirs, opened(Path(folder) / "profile") as page:
            pages = {
                "A page of one word": (f"{theirs}/?", ".st-key-bare button"),
                "Inbox": (f"{ours}/?by=Ada", "[class*='st-key-row-'] a"),
                "Review": (f"{ours}/review?by=Ada&id={one.id}&thread={one.thread_id}", ".st-key-bar button"),
                "Runs": (f"{ours}/runs?by=Ada", "[class*='st-key-row-'] a"),
                "A run": (f"{ours}/runs?by=Ada&thread={one.thread_id}", "[role='tab']"),
                "Audit": (f"{ours}/audit?by=Ada", "[class*='st-key-row-'] a"),
                "Bulk": (f"{ours}/bulk?by=Ada", "[data-testid=stDataFrame] canvas"),
                "Graphs": (f"{ours}/graphs?by=Ada", "[data-testid=stGraphVizChart] svg text"),
                "Insights": (f"{ours}/insights?by=Ada", "[data-testid=stMain] meter"),
            }
            yield first(page, ours)
            taken = turns(page, pages, rounds + 2)
        for name, times in taken.items():
            told = f"median of {rounds}; {sizes}; fastest {min(times):.2f} s, slowest {max(times):.2f} s"
            yield Claim(f"{name}: seconds to the first useful paint", median(times), 1.0, note=told)


def lived(connection: Any) -> None:
    """Make the decisions those of a dozen people, who edit and reject some, for reasons, after longer or shorter."""
    connection.execute(
        """
        UPDATE decisions SET
            "by" = 'reviewer ' || (seq % 12), seconds = seq * 7919 % 900 / 10.0, length = 40 + seq * 31 % 200,
            confidence = seq * 104729 % 1000 / 1000.0,
            action = CASE WHEN seq % 10 < 7 THEN 'approve' WHEN seq % 10 = 7 THEN 'reject' ELSE 'edit' END,
            reasons = CASE WHEN seq % 10 = 7 THEN json_array('wrong amount', 'not due') END,
            edits = CASE WHEN seq % 10 > 7 THEN
                json_array(json_object('op', 'replace', 'path', '/amount', 'value', seq % 50, 'was', 40)) END
        """
    )


def first(page: Page, ours: str) -> Claim:
    """How long it takes until all that Insights tells is there, when nobody has asked before."""
    painted(page, f"{ours}/audit?by=Ada", "[class*='st-key-row-'] a")  # the server and the browser are warm
    began = time.perf_counter()
    shown = painted(page, f"{ours}/insights?by=Ada", "[data-testid=stMain] h3")
    page.get_by_text("Usual seconds").wait_for()
    page.get_by_text("Going through the decisions").wait_for(state="detached")
    told = time.perf_counter() - began
    return Claim("Insights, never asked for before: seconds to the page", shown, 1.0, note=f"{told:.1f} s to all of it")


def turns(page: Page, pages: Mapping[str, tuple[str, str]], rounds: int) -> dict[str, list[float]]:
    """The seconds of every round but the first two, page by page within each."""
    taken: dict[str, list[float]] = {name: [] for name in pages}
    for _ in range(rounds):
        for name, (address, shown) in pages.items():
            taken[name].append(painted(page, address, shown))
    return {name: times[2:] for name, times in taken.items()}


SHOWN = "selector => document.querySelector(selector)?.getClientRects().length > 0"


def painted(page: Page, address: str, shown: str) -> float:
    """Seconds until what matters on a page can be seen; looked for at every frame that the browser draws."""
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function(SHOWN, arg=shown, polling="raf")
    return time.perf_counter() - began


@contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """A browser with a profile of its own."""
    with sync_playwright() as started:
        context = started.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=CHROMIUM
        )
        context.set_default_timeout(120_000)
        yield context.pages[0]
        context.close()


def plain(script: Path) -> AbstractContextManager[str]:
    """A script served by Streamlit, with the same options."""
    port = free(0)
    return running(port, "-m", "streamlit", "run", str(script), *options(port=port))


if __name__ == "__main__":
    main()
