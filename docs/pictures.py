"""Make docs/pictures/ from the real thing: a run of the demo, the page that `treadle ui` serves, Chromium."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from treadle.checkpoints.decisions import decide
from treadle.checkpoints.desks.claims import claim
from treadle.checkpoints.reviews import pending
from treadle.checkpoints.savers import SqliteSaver
from treadle.examples import contract_review
from treadle.graphs.drawings import svg
from treadle.graphs.progress import progress
from treadle.graphs.runs import start
from treadle.nodes.texts.documents import read
from treadle.testing.pages import CHROMIUM, served

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
ACTIONS = ("approve", "reject", "edit", "approve", "approve")
SECONDS = (14.2, 31.0, 48.5, 9.8, 12.1)
"""What was decided before the pictures are taken, and how long that took."""

SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1/oauth2callback"
cookie_secret = "of no use to anybody: nobody signs in"
client_id = "treadle"
client_secret = "none"
server_metadata_url = "http://127.0.0.1/.well-known/openid-configuration"
"""
"""With these the page shows the way in."""

SETTLED = 1500
"""Milliseconds for the page to come to rest before it is taken."""


def main() -> None:
    """Make them all."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "treadle.db"
        with SqliteSaver(db) as saver:
            text = read(ROOT / "examples" / "services_agreement.md")
            config = {"configurable": {"model": "rules"}}
            run = start(contract_review.graph, {"text": text}, saver=saver, name="contract_review", config=config)
            for one, action, seconds in zip(pending(saver)[-5:], ACTIONS, SECONDS, strict=True):
                given = {"value": {**one.value["proposal"], "risk": "low"}} if action == "edit" else {}
                words = "Capped in 9.1." if action == "reject" else None
                decide(saver, one.id, action, by="Grace", words=words, client="page", seconds=seconds, **given)
            claim(saver, pending(saver)[2].id, by="Grace")
            review = next(one.id for one in pending(saver) if "3.2" in str(one.title))
            drawing = svg(contract_review.graph, progress=progress(saver, run.thread_id))
            (PICTURES / "graph.svg").write_text(drawing)
        pages = {
            "inbox": "/",
            "review": f"/review?id={review}",
            "runs": "/runs",
            "run": f"/runs?thread={run.thread_id}",
            "bulk": "/bulk",
            "insights": "/insights",
            "audit": "/audit",
            "graphs": f"/graphs?graph=contract_review&thread={run.thread_id}",
        }
        with served(db, worker=False, cwd=folder) as address:
            take(address, pages, Path(folder))
        (Path(folder) / ".streamlit").mkdir()
        (Path(folder) / ".streamlit" / "secrets.toml").write_text(SECRETS)
        with served(db, worker=False, cwd=folder) as address:
            take(address, {"signin": "/"}, Path(folder))


def take(address: str, pages: dict[str, str], folder: Path) -> None:
    """Take every page in light and dark."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        for scheme in ("light", "dark"):
            context = started.chromium.launch_persistent_context(
                folder / scheme, executable_path=browser, args=CHROMIUM, color_scheme=scheme,
                viewport={"width": 1280, "height": 800}, device_scale_factor=1,
            )  # fmt: skip
            context.set_default_timeout(60_000)
            for name, path in pages.items():
                shoot(context.pages[0], f"{address}{path}{'&' if '?' in path else '?'}by=Ada", f"{name}-{scheme}.png")
            context.close()


def shoot(page: Page, address: str, name: str) -> None:
    """Take one page once it has come to rest."""
    page.goto(address)
    page.get_by_test_id("stAppViewContainer").wait_for()
    page.wait_for_function("() => document.querySelector('[data-test-script-state=\"notRunning\"]')")
    page.get_by_text("Going through the decisions").wait_for(state="hidden")
    page.wait_for_timeout(SETTLED)
    page.screenshot(path=PICTURES / name)


if __name__ == "__main__":
    main()
