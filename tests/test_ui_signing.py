"""Who the page says decided: by OpenID Connect, or by the headers of a trusted proxy, in a real browser."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import desk
import pytest
from browsers import browser, contexts, idle, served
from identities import CLIENT, SECRET, Provider, provider
from playwright.sync_api import Browser, Page
from processes import COMMAND, environment

from treadle.checkpoints import Review, SqliteSaver, decisions, pending
from treadle.graphs.runs import start
from treadle.ui.returns import COOKIE
from treadle.ui.servers import free

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TITLE = "Finding for counsel"

ANN = {"sub": "1", "email": "ann@example.com", "name": "Ann", "groups": ["legal", "staff"]}
BO = {"sub": "2", "email": "bo@example.com", "name": "Bo", "groups": ["sales"]}

SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "thirty-two letters that nobody knows"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
"""

Window = Callable[..., Page]


@pytest.fixture(scope="module")
def saver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path_factory.mktemp("desk") / "treadle.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture
def window(chromium: Browser) -> Iterator[Window]:
    with contexts(chromium) as opened:
        yield opened


@pytest.fixture
def waiting(saver: SqliteSaver, request: pytest.FixtureRequest) -> Review:
    """A question on which only the role legal may decide."""
    thread, given = request.node.name, {"clause": desk.clauses(1)["clauses"][0]}
    start(desk.counsel, given, saver=saver, name="counsel", thread_id=thread)
    return pending(saver, thread=thread)[0]


@contextmanager
def serving(folder: Path, db: Path, port: int, *options: str) -> Iterator[None]:
    """`treadle ui` in a folder: it is killed at the end, whatever browser is still there."""
    listed = folder / "langgraph.json"
    listed.write_text(json.dumps({"dependencies": ["."], "graphs": {"counsel": f"{desk.__file__}:counsel"}}))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*COMMAND, "ui", "--db", str(db), "--graphs", str(listed), "--port", str(port), *options],
            cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield
        finally:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def identities() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def behind(saver: SqliteSaver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page behind a proxy that signs people in."""
    port, folder = free(0), tmp_path_factory.mktemp("proxy")
    with serving(folder, Path(saver.path), port, "--user-header", "X-User", "--groups-header", "X-Groups"):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def address(
    saver: SqliteSaver, identities: Provider, behind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The page where reviewers sign in; `behind` comes up at the same time."""
    port, folder = free(0), tmp_path_factory.mktemp("signing")
    (folder / ".streamlit").mkdir()
    text = SECRETS.format(port=port, client=CLIENT, secret=SECRET, issuer=identities.issuer)
    (folder / ".streamlit" / "secrets.toml").write_text(text)
    with serving(folder, Path(saver.path), port):
        yield served(port)


def locked(page: Page) -> None:
    """Check that the page shows nothing but the way in."""
    page.get_by_role("button", name="Sign in").wait_for()
    page.wait_for_timeout(300)
    assert TITLE not in page.content()
    assert "Inbox" not in page.locator("body").inner_text()


def decided(page: Page, one: Review) -> None:
    """Approve, once the question has been in view for a moment."""
    page.get_by_role("heading", name=TITLE, exact=True).wait_for()
    idle(page)
    page.wait_for_timeout(900)
    page.locator(f".st-key-approve-{one.id} button").click()
    page.get_by_text(f"Approved: {TITLE}").wait_for()


def test_who_signs_in_gets_to_the_link_and_decides_under_their_name_and_in_their_groups(
    address: str, identities: Provider, waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    identities.user = ANN
    page = window(f"{address}/review?id={waiting.id}&thread={waiting.thread_id}&by=Mallory&roles=legal")
    locked(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name=TITLE, exact=True).wait_for()
    assert f"id={waiting.id}" in page.url
    assert "Mallory" not in page.content()
    assert [one["name"] for one in page.context.cookies() if one["name"] == COOKIE] == []
    decided(page, waiting)
    [made] = decisions(saver, thread=waiting.thread_id)
    assert (made.by, list(made.roles), made.client) == ("ann@example.com", ["legal", "staff"], "page")
    page.get_by_role("button", name="ann@example.com").click()
    page.get_by_role("button", name="Sign out").click()
    locked(page)
    page.goto(f"{address}/audit")
    locked(page)
    assert "ann@example.com" not in page.content()


def test_who_is_of_another_group_cannot_decide_whatever_roles_the_address_says(
    address: str, identities: Provider, waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    identities.user = BO
    page = window(f"{address}/review?id={waiting.id}&roles=legal")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("bo@example.com may not decide on this").wait_for()
    page.wait_for_timeout(900)
    assert page.locator(f".st-key-approve-{waiting.id} button").is_disabled()
    page.keyboard.press("a")
    page.wait_for_timeout(900)
    assert decisions(saver, thread=waiting.thread_id) == []
    assert [one.id for one in pending(saver, thread=waiting.thread_id)] == [waiting.id]


def test_a_sign_in_of_yesterday_is_over_and_is_asked_for_again(
    address: str, identities: Provider, waiting: Review, window: Window
) -> None:
    identities.user = ANN | {"iat": int(time.time()) - 13 * 3600}
    page = window(f"{address}/review?id={waiting.id}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Your sign-in is over").wait_for()
    locked(page)
    identities.user = ANN
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name=TITLE, exact=True).wait_for()


HEADERS = {"X-User": "cy@example.com", "X-Groups": "staff, legal"}


def test_the_headers_of_a_proxy_are_believed_where_the_command_says_so(
    behind: str, waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    served(int(behind.rpartition(":")[2]))
    page = window(f"{behind}/review?id={waiting.id}&by=Mallory", extra_http_headers=HEADERS)
    decided(page, waiting)
    [made] = decisions(saver, thread=waiting.thread_id)
    assert (made.by, list(made.roles)) == ("cy@example.com", ["legal", "staff"])
    page = window(f"{behind}/?by=Mallory&roles=legal")
    page.get_by_text("Nobody is named by the proxy").wait_for()
    assert TITLE not in page.content()


def test_the_headers_of_anybody_are_ignored_where_people_sign_in(
    address: str, identities: Provider, waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    page = window(f"{address}/review?id={waiting.id}", extra_http_headers=HEADERS)
    locked(page)
    assert "cy@example.com" not in page.content()
    assert decisions(saver, thread=waiting.thread_id) == []
