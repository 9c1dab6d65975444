"""The page in a real browser: reviewers decide on real runs, and nothing is asked of any other host."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import desk
import pytest
from browsers import browser, contexts, idle, until
from playwright.sync_api import Browser, Page

from treadle.checkpoints.decisions import decide, decisions
from treadle.checkpoints.desks.claims import claim
from treadle.checkpoints.reviews import Review, pending
from treadle.checkpoints.runs import run
from treadle.checkpoints.savers import SqliteSaver
from treadle.errors import ReviewClosed
from treadle.graphs.catalogs import catalog
from treadle.graphs.runs import start
from treadle.testing import served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AGREEMENT = Path(__file__).parents[1] / "examples" / "services_agreement.md"


@pytest.fixture(scope="module")
def saver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path_factory.mktemp("desk") / "treadle.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def address(saver: SqliteSaver) -> Iterator[str]:
    """The page, as all tests but the first link's share it."""
    with serving(saver) as address:
        yield address


@contextmanager
def serving(saver: SqliteSaver) -> Iterator[str]:
    """The page, served by a process of its own, as `treadle ui` does."""
    graphs = Path(str(saver.path)).with_name("langgraph.json")
    graphs.write_text(
        json.dumps(
            {
                "dependencies": [str(Path(__file__).parent)],
                "graphs": {"desk": f"{desk.__file__}:graph", "counsel": f"{desk.__file__}:counsel"},
            }
        )
    )
    log = Path(str(saver.path)).with_name("log")
    with log.open("w") as out, served(saver.path, graphs=graphs, log=out) as address:
        yield address
    assert "Traceback" not in log.read_text()


Browse = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture
def browse(address: str, chromium: Browser) -> Iterator[Browse]:
    """Open a page of the desk, each time for somebody else."""
    with contexts(chromium) as window:

        def opened(path: str = "/", *, by: str = "Ada", scheme: str = "light", **manner: Any) -> Page:
            where = f"{address}{path}{'&' if '?' in path else '?'}by={by}"
            return window(where, color_scheme=scheme, **manner)

        yield opened


@pytest.fixture
def waiting(saver: SqliteSaver, request: pytest.FixtureRequest) -> list[Review]:
    """Findings of a new run, five unless the test says how many, and nothing else, in the queue."""
    for left in pending(saver, limit=-1):
        claim(saver, left.id, by="an earlier test", roles=["legal"], thread=left.thread_id, take=True)
        decide(saver, left.id, left.value["actions"][0], by="an earlier test", roles=["legal"], thread=left.thread_id)
    start(desk.graph, desk.clauses(getattr(request, "param", 5)), saver=saver, name="desk", thread_id=request.node.name)
    return pending(saver, thread=request.node.name)


def at(one: Review) -> str:
    return f"/review?id={one.id}"


def key(name: str) -> str:
    return f".st-key-{name} button"


def shown(page: Page, title: str | None) -> None:
    """Wait until a review is the one on the page, and has been long enough to be decided on."""
    page.get_by_role("heading", name=title, exact=True).wait_for()
    idle(page)
    page.wait_for_timeout(900)


def settled(page: Page) -> None:
    """Wait until a page is drawn."""
    page.get_by_test_id("stAppViewContainer").wait_for()
    idle(page)
    page.wait_for_timeout(700)


def places(thread: str) -> list[str]:
    """The addresses of every page."""
    run, graph = f"runs?thread={thread}", f"graphs?graph=desk&thread={thread}"
    return ["", "review", "bulk", "runs", run, graph, "insights", "audit"]


def test_the_findings_of_a_contract_are_approved_edited_and_rejected(saver: SqliteSaver, browse: Browse) -> None:
    contract = catalog(Path(__file__).parents[1]).graph("contract_review")
    given = {"text": AGREEMENT.read_text(encoding="utf-8")}
    start(
        contract,
        given,
        saver=saver,
        name="contract_review",
        thread_id="acme",
        config={"configurable": {"model": "rules"}},
    )
    approved, edited, rejected, *others = pending(saver, thread="acme")
    page = browse("/")
    page.get_by_role("link", name=str(approved.title)).click()
    shown(page, approved.title)
    page.locator(key(f"approve-{approved.id}")).click()
    page.get_by_text(f"Approved: {approved.title}").wait_for()
    shown(page, edited.title)
    page.locator(key(f"edit-{edited.id}")).click()
    page.get_by_label("Reason").fill("Not as it stands.")
    page.get_by_label("Reason").press("Tab")
    page.locator("ins", has_text="Not as it stands.").wait_for()
    page.locator(key(f"save-edit-{edited.id}")).click()
    page.get_by_text(f"Edited: {edited.title}").wait_for()
    shown(page, rejected.title)
    page.locator(key(f"reject-{rejected.id}")).click()
    page.get_by_label("In your own words").fill("Read the second sentence again.")
    page.locator(key(f"save-reject-{rejected.id}")).click()
    page.get_by_text(f"Rejected: {rejected.title}").wait_for()
    until(lambda: len(decisions(saver, thread="acme")) == 3)
    made = {one.interrupt_id: one for one in decisions(saver, thread="acme")}
    assert [made[one.id].action for one in (approved, edited, rejected)] == ["approve", "edit", "reject"]
    assert made[edited.id].answer["value"]["reason"] == "Not as it stands."
    assert made[rejected.id].words == "Read the second sentence again."
    until(lambda: any(one.value["round"] == 2 for one in pending(saver, thread="acme")))
    again = next(one for one in pending(saver, thread="acme") if one.value["round"] == 2)
    page.goto(page.url.partition("/review")[0] + at(again))
    page.get_by_text("Round 1: rejected by Ada").wait_for()
    assert others


def test_a_second_reviewer_sees_what_the_first_decided(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    one = waiting[0]
    first, second, watching = browse(at(one)), browse(at(one), by="Bo"), browse("/", by="Cy")
    shown(second, one.title)
    watching.get_by_role("link", name=str(one.title)).wait_for()
    shown(first, one.title)
    first.locator(key(f"approve-{one.id}")).click()
    second.get_by_text("Approved by Ada").wait_for()
    watching.get_by_text("Approved by Ada").wait_for()
    assert [each.by for each in decisions(saver, thread=one.thread_id)] == ["Ada"]


def test_words_that_are_being_typed_stay_when_somebody_takes_the_question_over(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    one = waiting[0]
    page = browse(at(one))
    shown(page, one.title)
    page.keyboard.press("x")
    page.locator("textarea:focus").wait_for()
    page.keyboard.type("half a sentence")
    claim(saver, one.id, by="Bo", roles=["legal"], thread=one.thread_id, take=True)
    page.get_by_text("Bo has this before them").wait_for()
    idle(page)
    page.keyboard.type(" and more")
    until(lambda: page.get_by_label("In your own words").input_value() == "half a sentence and more")


def test_a_double_click_decides_once(waiting: list[Review], saver: SqliteSaver, browse: Browse) -> None:
    page = browse(at(waiting[0]))
    shown(page, waiting[0].title)
    page.locator(key(f"approve-{waiting[0].id}")).click(click_count=3, delay=20)
    shown(page, waiting[1].title)
    assert [one.interrupt_id for one in decisions(saver, thread=waiting[0].thread_id)] == [waiting[0].id]
    assert page.get_by_role("alert").count() == 0


def test_the_keyboard_alone_is_enough(waiting: list[Review], saver: SqliteSaver, browse: Browse) -> None:
    page = browse("/")
    page.get_by_role("link", name=str(waiting[0].title)).wait_for()
    page.locator(f"{key('begin')}:visible").first.wait_for()
    idle(page)
    page.keyboard.press("n")
    shown(page, waiting[0].title)
    page.keyboard.press("a")
    shown(page, waiting[1].title)
    page.locator(key(f"next-{waiting[1].id}")).first.wait_for()
    page.keyboard.press("n")
    shown(page, waiting[2].title)
    page.locator(key(f"reject-{waiting[2].id}")).wait_for()
    page.keyboard.press("x")
    page.locator("textarea:focus").wait_for()
    page.keyboard.type("Exaggerated: an axe is no cap.")
    page.keyboard.press("Control+Enter")
    shown(page, waiting[3].title)
    page.keyboard.press("e")
    page.locator(".st-key-form [aria-label=Risk]:focus").wait_for()
    reason = page.get_by_label("Reason")
    for _ in range(12):
        if reason.evaluate("field => field === document.activeElement"):
            break
        page.keyboard.press("Tab")
        page.wait_for_timeout(60)
    page.keyboard.press("Control+a")
    page.keyboard.type("Capped elsewhere.")
    page.keyboard.press("Control+Enter")
    shown(page, waiting[4].title)
    made = {one.interrupt_id: one for one in decisions(saver, thread=waiting[0].thread_id)}
    assert {one.title: made[one.id].action for one in waiting if one.id in made} == {
        waiting[0].title: "approve",
        waiting[2].title: "reject",
        waiting[3].title: "edit",
    }
    assert made[waiting[2].id].words == "Exaggerated: an axe is no cap."
    assert made[waiting[3].id].answer["value"]["reason"] == "Capped elsewhere."


def test_links_work_cold_whatever_became_of_the_review(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    page = browse(at(waiting[0]))
    page.get_by_role("heading", name=waiting[0].title, exact=True).wait_for()
    decide(saver, waiting[1].id, "reject", by="Bo", words="Too broad.")
    home = page.url.partition("/review")[0]
    page.goto(home + at(waiting[1]))
    page.get_by_text("Rejected by Bo").wait_for()
    page.goto(home + "/review?id=0000")
    page.get_by_text("This review is not here").wait_for()
    page.get_by_role("link", name="Go to the Inbox").click()
    page.get_by_role("heading", name="Inbox", exact=True).wait_for()


def test_a_link_to_a_review_may_be_the_first_thing_that_anybody_opens(
    waiting: list[Review], saver: SqliteSaver, chromium: Browser
) -> None:
    with contexts(chromium) as window, serving(saver) as fresh:  # which ends before the window is closed
        page = window(f"{fresh}{at(waiting[0])}&by=Ada")
        shown(page, waiting[0].title)
        assert page.get_by_role("dialog").count() == 0
        page.keyboard.press("a")
        page.get_by_text(f"Approved: {waiting[0].title}").wait_for()


def test_a_run_goes_on_and_its_page_tells_the_story(waiting: list[Review], saver: SqliteSaver, browse: Browse) -> None:
    thread = waiting[0].thread_id
    page = browse(f"/runs?thread={thread}")
    page.get_by_text("Waits for a person: 5").wait_for()
    for one in waiting:
        decide(saver, one.id, "approve", by="Bo")
    until(lambda: run(saver, thread).status == "done")
    page.get_by_text("done", exact=True).wait_for()
    page.get_by_text("Approved by Bo").nth(4).wait_for()
    assert page.get_by_text("Approved by Bo").count() == 5
    page.get_by_role("button", name="All runs").click()
    page.get_by_role("link", name=thread).wait_for()


def test_the_graph_shows_where_a_run_is(waiting: list[Review], saver: SqliteSaver, browse: Browse) -> None:
    page = browse(f"/graphs?graph=desk&thread={waiting[0].thread_id}", scheme="dark")
    page.locator("[data-testid=stGraphVizChart] svg text", has_text="waiting 5").first.wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name="SVG").click()
    assert started.value.suggested_filename == "desk.svg"
    assert Path(started.value.path()).read_text(encoding="utf-8").lstrip().startswith("<")
    with page.expect_download() as started:
        page.get_by_role("button", name="Mermaid").click()
    assert "waiting 5" in Path(started.value.path()).read_text(encoding="utf-8")
    for one in waiting:  # the drawing follows the run
        decide(saver, one.id, "approve", by="Bo")
    page.locator("[data-testid=stGraphVizChart] svg text", has_text="waiting").first.wait_for(state="detached")
    page.locator("[data-testid=stGraphVizChart] svg text", has_text="done 5").first.wait_for()


CONTRAST = """() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => {
    const v = c[i] / 255; return sum + part * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); }, 0);
  const found = []; let drawn = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, own = node.parentElement;
    const icon = own.closest(
      "[data-testid=stIconMaterial], [data-testid=stStatusWidget], script, style, svg, [disabled], [aria-hidden=true]");
    if (!node.data.trim() || icon || !own.getClientRects().length) continue;
    const chain = []; for (let e = own; e; e = e.parentElement) chain.push(e);
    let back = [255, 255, 255, 1], clear = 1;
    const styles = chain.map((e) => getComputedStyle(e));
    if (styles.some((s) => s.visibility === "hidden" || s.clipPath !== "none" || +s.opacity === 0)) continue;
    for (const s of styles.toReversed()) {
      const c = s.backgroundColor; if (c.startsWith("rgb")) back = over(parse(c), back);
    }
    for (const s of styles) clear *= +s.opacity;
    const given = parse(styles[0].color); given[3] *= clear;
    const [a, b] = [light(over(given, back)), light(back)].sort((x, y) => y - x);
    const large = parseFloat(styles[0].fontSize) >= 24;
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${node.data.trim().slice(0, 40)}`);
  }
  for (const text of document.querySelectorAll("[data-testid=stGraphVizChart] svg text")) {
    const box = text.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
    let back = [255, 255, 255, 1];
    for (let e = text, up = []; e; e = e.parentElement) {
      up.unshift(getComputedStyle(e).backgroundColor);
      if (!e.parentElement) for (const c of up) if (c.startsWith("rgb")) back = over(parse(c), back);
    }
    for (const shape of text.ownerSVGElement.querySelectorAll("path, polygon, ellipse, rect")) {
      const area = shape.getBoundingClientRect(), style = getComputedStyle(shape);
      const below = shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      const under = x >= area.x && x <= area.right && y >= area.y && y <= area.bottom;
      if (!below || !under || !style.fill.startsWith("rgb")) continue;
      const fill = parse(style.fill); fill[3] *= +style.fillOpacity; back = over(fill, back);
    }
    const [a, b] = [light(parse(getComputedStyle(text).fill)), light(back)].sort((p, q) => q - p);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${((a + 0.05) / (b + 0.05)).toFixed(2)} ${text.textContent}`);
    drawn += 1;
  }
  if (document.querySelector("[data-testid=stGraphVizChart]") && !drawn) found.push("the drawing has no labels");
  return found;
}"""
"""Every text on the page whose contrast with what lies below it is less than WCAG's AA asks, with its ratio."""


NAMELESS = """() => {
  const words = (one) => {
    const copy = one.cloneNode(true);  // pictures by ligature are no words
    copy.querySelectorAll("[data-testid=stIconMaterial], [aria-hidden=true]").forEach((icon) => icon.remove());
    return copy.textContent.trim();
  };
  const by = (id) => words(document.getElementById(id) ?? document.createElement("i"));
  const all = ":is(button, a[href], input, textarea, select, [role=combobox], [role=tab], [role=slider], summary)";
  return [...document.querySelectorAll(`:is(header, [data-testid=stMain]) ${all}`)].filter((one) => {
    if (!one.getClientRects().length || one.closest("[aria-hidden=true]")) return false;
    const own = one.getAttribute("aria-label") || one.title || words(one);
    const label = own || [...one.labels ?? []].map(words).join("");
    return !label.trim() && !(one.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean).map(by).join("");
  }).map((one) => one.outerHTML.slice(0, 160));
}"""
"""What can be pressed or filled in and has no name that a screen reader could read."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_and_every_control_the_name_that_people_need(
    waiting: list[Review], browse: Browse, scheme: Literal["light", "dark"]
) -> None:
    page = browse("/", scheme=scheme)
    page.get_by_role("link", name=str(waiting[0].title)).wait_for()
    home = page.url.partition("/?")[0]
    weak, nameless, thread = {}, {}, waiting[0].thread_id
    for name in places(thread):
        page.goto(f"{home}/{name}{'&' if '?' in name else '?'}by=Ada")
        settled(page)
        if name.startswith("graphs"):
            page.locator("[data-testid=stGraphVizChart] svg text").first.wait_for()
        if name == "bulk":
            page.get_by_role("tab", name="Standing rules").click()
            page.get_by_text("Make a rule").click()
            page.get_by_role("button", name="Make the rule").wait_for()
            settled(page)
        if found := page.evaluate(CONTRAST):
            weak[name or "inbox"] = found
        if found := page.evaluate(NAMELESS):
            nameless[name or "inbox"] = found
        if name.startswith("graphs"):
            page.locator("[data-testid=stGraphVizChart] svg text").first.evaluate("text => text.style.fill = '#bbb'")
            assert len(page.evaluate(CONTRAST)) == 1, "a pale label is found"
    assert weak == {}
    assert nameless == {}
    bad = '<button></button><p style="color: #999; background: #888">x</p>'
    page.get_by_test_id("stMain").evaluate("(main, bad) => main.insertAdjacentHTML('beforeend', bad)", bad)
    assert len(page.evaluate(CONTRAST)) == len(page.evaluate(NAMELESS)) == 1, "a pale text and a bare button are found"


@pytest.mark.parametrize("waiting", [10], indirect=True)
def test_ten_are_decided_from_the_inbox_without_the_mouse(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    page = browse("/")
    page.get_by_role("link", name=str(waiting[0].title)).wait_for()
    page.locator(f"{key('begin')}:visible").first.wait_for()
    idle(page)
    page.keyboard.press("n")
    for place, one in enumerate(waiting):
        shown(page, one.title)
        page.keyboard.press("x" if place % 4 == 3 else "a")
        if place % 4 == 3:
            page.locator("textarea:focus").wait_for()
            page.locator(key(f"save-reject-{one.id}")).first.wait_for()
            page.keyboard.press("Control+Enter")
    page.get_by_text("Nothing waits for a decision").wait_for()
    made = {one.interrupt_id: (one.action, one.by) for one in decisions(saver, thread=waiting[0].thread_id)}
    assert [made[one.id] for one in waiting] == [("reject" if n % 4 == 3 else "approve", "Ada") for n in range(10)]


def test_a_tab_closed_in_mid_decision_leaves_all_of_it_or_nothing(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    begun, clicked = waiting[:2]
    page = browse(at(begun))
    shown(page, begun.title)
    page.keyboard.press("x")
    page.get_by_label("In your own words").fill("Half a thou")
    page.close(run_before_unload=False)
    assert decisions(saver, thread=begun.thread_id) == []
    page = browse(at(clicked))
    shown(page, clicked.title)
    page.locator(key(f"approve-{clicked.id}")).evaluate("button => button.click()")
    page.close(run_before_unload=False)
    page = browse(at(begun), by="Bo")
    shown(page, begun.title)
    page.locator(key(f"over-{begun.id}")).click()
    settled(page)  # what stood above the buttons is gone
    page.locator(f"{key(f'approve-{begun.id}')}:enabled").click()
    page.get_by_text(f"Approved: {begun.title}").wait_for()
    made = {one.interrupt_id: one.by for one in decisions(saver, thread=begun.thread_id)}
    assert made[begun.id] == "Bo"
    for one in waiting[1:]:
        with suppress(ReviewClosed):  # the click reached the server
            claim(saver, one.id, by="Bo", roles=["legal"], thread=one.thread_id, take=True)
            decide(saver, one.id, "approve", by="Bo", thread=one.thread_id)
    assert [one.interrupt_id for one in decisions(saver, thread=begun.thread_id)].count(clicked.id) == 1
    until(lambda: run(saver, begun.thread_id).status == "done")


CUT = """() => {
  const out = [], width = document.documentElement.clientWidth;
  for (const one of document.querySelectorAll(":is([data-testid=stMain], header) :not(svg *)")) {
    const box = one.getBoundingClientRect();
    if (!box.width || !box.height || (box.left >= -1 && box.right <= width + 1)) continue;
    let around = one.parentElement;  // what can be scrolled by itself is not cut
    while (around && !["auto", "scroll"].includes(getComputedStyle(around).overflowX)) around = around.parentElement;
    if (!around || around.matches("[data-testid=stMain], html, body")) out.push(one.textContent.trim().slice(0, 40));
  }
  return out;
}"""
"""What reaches over the window's edge, and cannot be scrolled by itself."""


def test_narrow_windows_show_every_page_and_button(waiting: list[Review], browse: Browse) -> None:
    page = browse(at(waiting[0]))
    shown(page, waiting[0].title)
    home, thread = page.url.partition("/review")[0], waiting[0].thread_id
    cut = {}
    for name in places(thread):
        page.goto(f"{home}/{name}{'&' if '?' in name else '?'}by=Ada")
        settled(page)
        for width in (768, 390):
            page.set_viewport_size({"width": width, "height": 800})
            for _ in range(20):  # a grid takes its time to follow the window
                page.wait_for_timeout(200)
                found = page.evaluate(CUT)
                if not found:
                    break
            if found:
                cut[f"{name or 'inbox'} at {width}"] = found
            if name == "review":
                _reached(page, waiting[0], width)
    assert cut == {}


def _reached(page: Page, one: Review, width: int) -> None:
    """Check that every button of a review is in the window, and that nothing lies over it."""
    for action in ("approve", "edit", "reject", "skip", "next"):
        button = page.locator(f"{key(f'{action}-{one.id}')}:visible")
        button.click(trial=True)
        box = button.bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width, action


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dHJlYWRsZSB0cmVhZGxlIQ==",
}


def test_only_this_machine_reaches_the_page_in_local_mode_and_under_its_own_names(address: str) -> None:
    port = urlsplit(address).port
    assert port
    with socket.socket() as tried:
        assert tried.connect_ex(("127.0.0.2", port)) != 0  # another address of this very machine
    for host, status in {"127.0.0.1": 101, "localhost": 101, "desk.example.com": 403}.items():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        own = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}"}
        connection.request("GET", "/_stcore/stream", headers={**UPGRADE, **own})
        assert connection.getresponse().status == status, host
        connection.close()


def test_a_header_that_nobody_was_told_to_trust_is_ignored(waiting: list[Review], browse: Browse) -> None:
    page = browse(at(waiting[0]), by="Dee", extra_http_headers={"X-User": "cy@example.com", "X-Forwarded-User": "cy"})
    shown(page, waiting[0].title)
    assert page.get_by_role("button", name="Dee · local mode").count() == 1
    assert "cy@example.com" not in page.content()


ACTIVE = (
    "<script>window.hit = 1</script><img src='http://elsewhere.invalid/x.png' onerror='window.hit = 1'>"
    " ![x](http://elsewhere.invalid/y.png) [l](javascript:window.hit=1) :red[r] $x$"
)
"""What would act in a page that took it for more than text; `contexts` checks that nobody outside was asked."""


def test_text_of_any_kind_and_length_is_text_and_the_page_stays_usable(saver: SqliteSaver, browse: Browse) -> None:
    proposal = {
        ACTIVE: ACTIVE, "hebrew": "שלום עולם (1)", "empty": "", "missing": None, "nothing": [],
        "many": [{"n": n, "words": ACTIVE} for n in range(5_000)], "long": "A long text. " * 80_000,
    }  # fmt: skip
    value = {
        "title": f"Any text {ACTIVE}", "why": ACTIVE, "actions": ["approve", "edit"], "proposal": proposal,
        "context": {"set": f"# {ACTIVE}\n\n- {ACTIVE}\n- **b**", "source": f"{ACTIVE} and the part"},
        "source": {"key": "source", "start": 0, "end": 30}, "leads_to": {"approve": ACTIVE}, "reasons": [ACTIVE],
        "history": [{"round": 1, "action": "reject", "by": ACTIVE, "words": ACTIVE, "proposal": ACTIVE}],
    }  # fmt: skip
    start(desk.foreign(), {"items": [{"value": value}]}, saver=saver, name="foreign", thread_id="any")
    [one] = pending(saver, thread="any")
    page = browse(f"{at(one)}&thread=any")
    page.get_by_role("heading", name="Any text <script>window.hit = 1</script>").wait_for()
    settled(page)
    said = page.locator("body").inner_text()
    for words in (ACTIVE, "an empty list", "The first 200 of 5,000 items are shown", "characters are shown"):
        assert words in said, words
    hebrew = page.locator("[dir=auto]", has_text="שלום").last
    assert hebrew.evaluate("one => one.matches(':dir(rtl)')")
    home = page.url.partition("/review")[0]
    for name in (f"review?id={one.id}&thread=any&by=Ada", "?by=Ada", "runs?thread=any&by=Ada", "audit?by=Ada"):
        page.goto(f"{home}/{name}")
        settled(page)
        assert page.evaluate("() => window.hit === undefined && !document.querySelector('img[src*=elsewhere]')"), name
        assert page.evaluate(CUT) == [], name
    page.goto(f"{home}{at(one)}&thread=any&by=Ada")
    page.locator(key(f"edit-{one.id}")).click()
    page.get_by_label("Hebrew").fill("שלום")
    page.get_by_label("Hebrew").press("Tab")
    page.locator("ins, del", has_text="(1)").first.wait_for()
    page.locator(key(f"save-edit-{one.id}")).click()
    until(lambda: decisions(saver, thread="any"))
    [made] = decisions(saver, thread="any")
    assert made.answer["value"] == proposal | {"hebrew": "שלום"}


def test_a_question_mark_opens_the_sheet_of_keys_but_not_while_one_types(waiting: list[Review], browse: Browse) -> None:
    page = browse(at(waiting[0]))
    shown(page, waiting[0].title)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    sheet.get_by_text("Approve", exact=True).wait_for()
    assert "Skip: this one comes again" in sheet.inner_text()
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    page.keyboard.press("x")
    page.locator("textarea:focus").wait_for()
    page.keyboard.type("Why?")
    until(lambda: page.get_by_label("In your own words").input_value() == "Why?")
    assert sheet.count() == 0


def test_words_typed_before_their_panel_is_there_are_kept_for_it_and_press_no_button(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    page = browse(at(waiting[0]))
    shown(page, waiting[0].title)
    page.keyboard.press("x")
    page.keyboard.type("as it is, nobody can sign")  # at once: a and s would approve and skip
    page.keyboard.press("Control+Enter")
    shown(page, waiting[1].title)
    page.locator(key(f"reject-{waiting[1].id}")).click()
    page.keyboard.type("a sum is missing")
    page.keyboard.press("Control+Enter")
    shown(page, waiting[2].title)
    made = {one.interrupt_id: (one.action, one.words) for one in decisions(saver, thread=waiting[0].thread_id)}
    assert made == {
        waiting[0].id: ("reject", "as it is, nobody can sign"),
        waiting[1].id: ("reject", "a sum is missing"),
    }


def test_who_takes_a_step_over_gives_what_the_run_goes_on_with(
    waiting: list[Review], saver: SqliteSaver, browse: Browse
) -> None:
    start(desk.counsel, {"clause": desk.clauses(1)["clauses"][0]}, saver=saver, name="counsel", thread_id="taken over")
    [one] = pending(saver, thread="taken over")
    page = browse(f"{at(one)}&roles=legal")
    shown(page, one.title)
    page.keyboard.press("t")
    page.get_by_label("Reason").fill("Counsel rates it herself.")
    page.get_by_label("Reason").press("Tab")
    page.locator("ins", has_text="Counsel rates it herself.").wait_for()
    page.locator(key(f"save-take_over-{one.id}")).click()
    page.get_by_text(f"Taken over: {one.title}").wait_for()
    [made] = decisions(saver, thread="taken over")
    assert (made.action, made.by, list(made.roles)) == ("take_over", "Ada", ["legal"])
    until(lambda: run(saver, "taken over").status == "done")
    state = desk.counsel.compile(checkpointer=saver).get_state({"configurable": {"thread_id": "taken over"}})
    assert state.values["finding"]["reason"] == "Counsel rates it herself."
