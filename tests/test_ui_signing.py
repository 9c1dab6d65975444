"""Who the page says decided: by OpenID Connect, or by the headers of a trusted proxy, in a real browser."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import desk
import pytest
from browsers import served, windows
from identities import CLIENT, SECRET, Provider, provider
from playwright.sync_api import Page, WebSocketRoute
from processes import begun
from streamlit.proto.BackMsg_pb2 import BackMsg

from treadle.checkpoints import Review, SqliteSaver, decisions, pending
from treadle.graphs.runs import start
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


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    with windows(tmp_path / "browser") as opened:
        yield opened


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


@pytest.fixture
def waiting(saver: SqliteSaver) -> Review:
    """A question on which only the role legal may decide."""
    start(desk.counsel, {"clause": desk.clauses(1)["clauses"][0]}, saver=saver, name="counsel", thread_id="a")
    return pending(saver)[0]


@contextmanager
def serving(folder: Path, port: int, *options: str) -> Iterator[str]:
    """`treadle ui` in a folder."""
    listed = folder / "langgraph.json"
    listed.write_text(json.dumps({"dependencies": ["."], "graphs": {"counsel": f"{desk.__file__}:counsel"}}))
    with begun(folder, "ui", "--db", "treadle.db", "--graphs", str(listed), "--port", str(port), *options) as server:
        try:
            yield served(port)
        finally:
            server.terminate()


@pytest.fixture
def door(tmp_path: Path, waiting: Review) -> Iterator[tuple[str, Provider]]:
    """The page's address, with signing in, and the identity provider."""
    port = free(0)
    with provider() as identities:
        folder = tmp_path / ".streamlit"
        folder.mkdir()
        text = SECRETS.format(port=port, client=CLIENT, secret=SECRET, issuer=identities.issuer)
        (folder / "secrets.toml").write_text(text)
        with serving(tmp_path, port) as address:
            yield address, identities


def locked(page: Page) -> None:
    """Check that the page shows nothing but the way in."""
    page.get_by_role("button", name="Sign in").wait_for()
    page.wait_for_timeout(300)
    assert TITLE not in page.content()
    assert "Clause 7.0" not in page.content()


def test_who_signs_in_decides_under_their_name_and_in_their_groups(
    door: tuple[str, Provider], waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    address, identities = door
    identities.user = ANN
    page = window(f"{address}/review?id={waiting.id}&by=Mallory&roles=legal")
    locked(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=TITLE).click()
    page.get_by_role("heading", name=TITLE, exact=True).wait_for()
    page.wait_for_timeout(900)
    page.locator(f".st-key-approve-{waiting.id} button").click()
    page.get_by_text(f"Approved: {TITLE}").wait_for()
    [made] = decisions(saver)
    assert (made.by, list(made.roles), made.client) == ("ann@example.com", ["legal", "staff"], "page")
    page.get_by_role("button", name="ann@example.com").click()
    page.get_by_role("button", name="Sign out").click()
    locked(page)
    page.goto(f"{address}/audit")
    locked(page)
    assert "ann@example.com" not in page.content()


def test_who_is_of_another_group_is_refused_by_the_server_whatever_the_browser_sends(
    door: tuple[str, Provider], waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    address, identities = door
    identities.user = BO
    page = window(address)
    locked(page)
    wire = Wire(page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=TITLE).click()
    page.get_by_text("bo@example.com may not decide on this").wait_for()
    page.wait_for_timeout(900)
    assert page.locator(f".st-key-approve-{waiting.id} button").is_disabled()
    wire.press(f"approve-{waiting.id}")
    page.get_by_text("Not recorded. bo@example.com may not decide on this").wait_for()
    assert decisions(saver) == []
    assert [one.id for one in pending(saver)] == [waiting.id]


class Wire:
    """What goes between a page and the server, so that a button can be pressed that the page has disabled."""

    def __init__(self, page: Page) -> None:
        self.heard = b""
        self.last = BackMsg()
        page.route_web_socket("**/_stcore/stream", self._between)

    def _between(self, browser: WebSocketRoute) -> None:
        self.server = browser.connect_to_server()
        browser.on_message(self._up)
        self.server.on_message(lambda message: self._down(browser, message))

    def _up(self, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        said = BackMsg.FromString(message)
        if said.HasField("rerun_script"):
            self.last = said
        self.server.send(message)

    def _down(self, browser: WebSocketRoute, message: str | bytes) -> None:
        assert isinstance(message, bytes)
        self.heard += message
        browser.send(message)

    def press(self, key: str) -> None:
        """Tell the server that a button was pressed."""
        end = self.heard.rindex(f"-{key}".encode()) + len(key) + 1
        name = self.heard[self.heard.rindex(b"$$ID-", 0, end) : end].decode()
        pressed = BackMsg.FromString(self.last.SerializeToString())
        pressed.rerun_script.widget_states.widgets.add(id=name, trigger_value=True)
        self.server.send(pressed.SerializeToString())


HEADERS = {"X-User": "cy@example.com", "X-Groups": "staff, legal"}


def test_the_headers_of_a_proxy_are_believed_where_the_command_says_so(
    tmp_path: Path, waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    with serving(tmp_path, free(0), "--user-header", "X-User", "--groups-header", "X-Groups") as address:
        page = window(f"{address}/review?id={waiting.id}&by=Mallory", extra_http_headers=HEADERS)
        page.get_by_role("heading", name=TITLE, exact=True).wait_for()
        page.wait_for_timeout(900)
        page.locator(f".st-key-approve-{waiting.id} button").click()
        page.get_by_text(f"Approved: {TITLE}").wait_for()
        [made] = decisions(saver)
        assert (made.by, list(made.roles)) == ("cy@example.com", ["legal", "staff"])
        page = window(f"{address}/?by=Mallory&roles=legal")
        page.get_by_text("Nobody is named by the proxy").wait_for()
        assert TITLE not in page.content()


def test_the_headers_of_anybody_are_ignored_where_it_does_not(
    tmp_path: Path, waiting: Review, saver: SqliteSaver, window: Window
) -> None:
    with serving(tmp_path, free(0)) as address:
        page = window(f"{address}/review?id={waiting.id}&by=Dee", extra_http_headers=HEADERS)
        page.get_by_text("Dee may not decide on this").wait_for()
        assert page.get_by_role("button", name="Dee · local mode").count() == 1
        assert "cy@example.com" not in page.content()
        assert page.locator(f".st-key-approve-{waiting.id} button").is_disabled()
    assert decisions(saver) == []
