"""Chromium as a reviewer uses it: windows of their own, and nothing asked of any other host."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SECONDS = 40_000
"""Milliseconds that a busy machine may take to show something."""


def chromium() -> str:
    """Where the browser is; without one the test is skipped, but not in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        verdict = pytest.fail if os.environ.get("CI") else pytest.skip
        verdict("There is no Chromium on this machine: install the package chromium.")
    return str(found)


@contextmanager
def windows(folder: Path) -> Iterator[Callable[..., Page]]:
    """Open addresses, each time in a browser of its own; and check that no other host was asked for anything."""
    outside: list[str] = []
    program = chromium()
    with sync_playwright() as started:
        contexts: list[BrowserContext] = []

        def opened(address: str, **manner: Any) -> Page:
            context = started.chromium.launch_persistent_context(
                folder / f"profile-{len(contexts)}", executable_path=program, args=FLAGS,
                **({"viewport": {"width": 1280, "height": 900}} | manner),
            )  # fmt: skip
            contexts.append(context)
            context.set_default_timeout(SECONDS)
            context.route("**/*", lambda route: _inside(route, outside))
            context.pages[0].goto(address)
            return context.pages[0]

        yield opened
        for context in contexts:
            context.close()
    assert outside == []


def _inside(route: Route, outside: list[str]) -> None:
    url = urlsplit(route.request.url)
    if url.hostname == "127.0.0.1" or url.scheme in ("data", "blob"):
        route.continue_()
    else:
        outside.append(route.request.url)
        route.abort()


def served(port: int) -> str:
    """The address of the page on a port of this machine, once it answers."""
    until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"))
    return f"http://127.0.0.1:{port}"


def answers(url: str) -> bool:
    """Whether somebody answers there."""
    try:
        with urlopen(url) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def until(true: Callable[[], object]) -> None:
    """Wait for something to become true; the test's own time limit ends it."""
    while not true():
        time.sleep(0.05)
