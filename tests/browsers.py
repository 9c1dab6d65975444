"""Chromium as a reviewer uses it: windows of their own, and nothing asked of any other host."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from treadle.testing.pages import CHROMIUM, answers

SECONDS = 40_000
"""Milliseconds that a busy machine may take to show something."""


def chromium() -> str:
    """Where the browser is; without one the test is skipped, but not in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        verdict = pytest.fail if os.environ.get("CI") else pytest.skip
        verdict("There is no Chromium on this machine: install the package chromium.")
    return str(found)


VIEW = {"viewport": {"width": 1280, "height": 900}}

ALONE = (*CHROMIUM, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
"""Reaches no other host. To stop each request by hand would have Chromium load all of the page anew every time."""

Window = Callable[..., Page]


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, for as many windows as are wanted."""
    program = chromium()
    with sync_playwright() as started:
        launched = started.chromium.launch(executable_path=program, args=ALONE)
        yield launched
        launched.close()


@contextmanager
def contexts(of: Browser) -> Iterator[Window]:
    """Open addresses in windows that know nothing of each other; check that no other host was asked for anything."""
    outside: list[str] = []
    made: list[BrowserContext] = []

    def opened(address: str, **manner: Any) -> Page:
        made.append(of.new_context(**(VIEW | manner)))
        made[-1].set_default_timeout(SECONDS)
        made[-1].on("request", lambda request: _note(request.url, outside))
        page = made[-1].new_page()
        page.goto(address)
        return page

    yield opened
    for each in made:
        each.close()
    assert outside == []


def _note(address: str, outside: list[str]) -> None:
    url = urlsplit(address)
    if url.hostname != "127.0.0.1" and url.scheme not in ("data", "blob"):
        outside.append(address)


def idle(page: Page) -> None:
    """Wait until a page has been run to its end and drawn: only then has it all its buttons, and hears their keys."""
    over, missing = '[data-test-script-state="notRunning"]', "[data-testid=stSkeleton]"
    page.wait_for_function(f"() => document.querySelector('{over}') && !document.querySelector('{missing}')")


def served(port: int) -> str:
    """The address of the page on a port of this machine, once it answers."""
    until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"))
    return f"http://127.0.0.1:{port}"


def until(true: Callable[[], object]) -> None:
    """Wait for something to become true; the test's own time limit ends it."""
    while not true():
        time.sleep(0.05)
