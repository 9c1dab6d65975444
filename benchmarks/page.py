"""Measure how soon the page shows what waits: ``python benchmarks/page.py [--quick] [--json FILE]``."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from desk import filled
from playwright.sync_api import Page, sync_playwright
from stores.claims import Claim, Claims, save, show

from treadle.checkpoints import pending
from treadle.ui.servers import free

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and repetitions")
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    given = parser.parse_args()
    claims = list(paints(quick=given.quick))
    show(claims)
    if given.json:
        save(claims, given.json)


def paints(*, quick: bool) -> Claims:
    """Seconds from opening a page to its first useful paint, in a browser and a server that are warm."""
    waiting, decided, rounds = (10_000, 100_000, 5) if quick else (100_000, 1_000_000, 15)
    with tempfile.TemporaryDirectory() as folder:
        saver = filled(Path(folder) / "page.db", waiting, decided)
        one = pending(saver, limit=1)[0]
        saver.close()
        pages = {
            "Inbox": ("/", "[class*='st-key-row-'] a"),
            "Review": (f"/review?id={one.id}&thread={one.thread_id}", ".st-key-bar button"),
            "Runs": ("/runs", "[class*='st-key-row-'] a"),
            "Audit": ("/audit", "[class*='st-key-row-'] a"),
        }
        with served(Path(folder) / "page.db") as address, opened(Path(folder) / "profile") as page:
            for name, (path, shown) in pages.items():
                times = [painted(page, address + path, shown) for _ in range(rounds + 2)][2:]
                told = f"median of {rounds}; {waiting:,} waiting, {decided:,} decided; slowest {max(times):.2f} s"
                yield Claim(f"{name}: seconds to the first useful paint", median(times), 1.0, note=told)


def painted(page: Page, address: str, shown: str) -> float:
    """Seconds until what matters on a page can be seen."""
    page.goto("about:blank")
    began = time.perf_counter()
    page.goto(f"{address}{'&' if '?' in address else '?'}by=Ada", wait_until="commit")
    page.locator(shown).first.wait_for()
    return time.perf_counter() - began


@contextmanager
def opened(profile: Path) -> Iterator[Page]:
    """A browser with a profile of its own."""
    with sync_playwright() as started:
        context = started.chromium.launch_persistent_context(
            profile, executable_path=shutil.which("chromium"), args=FLAGS
        )
        context.set_default_timeout(120_000)
        yield context.pages[0]
        context.close()


@contextmanager
def served(db: Path) -> Iterator[str]:
    """The page in a process of its own, with no worker: nothing moves while it is measured."""
    port = free(0)
    code = f"from treadle.ui import serve; serve({str(db)!r}, {port}, worker=False)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL) as server:
        try:
            while not answers(f"http://127.0.0.1:{port}/_stcore/health"):
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def answers(address: str) -> bool:
    """Whether the server is up."""
    try:
        with urlopen(address) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
