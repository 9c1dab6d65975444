"""Notices: written with what they tell, sent at least once to real receivers that fail, hang, and come back."""

import http.server
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gated import asked, graph, lines, until
from processes import listed, treadle

from treadle.checkpoints import LogFile, SqliteSaver, Webhook, Worker, claim, decide, notifier, run, withdraw
from treadle.checkpoints.desks import webhooks
from treadle.checkpoints.desks.deliveries import Courier
from treadle.checkpoints.desks.letters import forget, letters, resend
from treadle.errors import NotifierUnknown

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(http.server.ThreadingHTTPServer):
    """A webhook's receiver on loopback that answers as it is told, and keeps what it was sent."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.delay = 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/desk?token=hidden"

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.got]

    def gone(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        time.sleep(self.server.delay)
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.server.status)
        self.send_header("location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[SqliteSaver]:
    with SqliteSaver(tmp_path / "treadle.db") as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.gone()


def worker(saver: SqliteSaver, *channels: Any) -> Worker:
    return Worker(saver, lambda name: graph(saver, {}), channels=channels, poll=0.05)


async def sent(saver: SqliteSaver, *channels: Any, attempts: int = 12, first: float = 0.01) -> int:
    courier = Courier(saver, channels, attempts=attempts, first=first)
    await courier.open()
    return await courier.go()


def hurry(saver: SqliteSaver) -> None:
    """Let it be time for the next attempt."""
    saver.database.write(lambda connection: connection.execute("UPDATE outbox SET next_at = 0"))


def hurried(saver: SqliteSaver) -> bool:
    hurry(saver)
    return True


async def test_a_receiver_is_told_what_happens_and_can_tell_from_whom(saver: SqliteSaver, receiver: Receiver) -> None:
    id_ = asked(saver, {"title": "Refund of 40 €", "withdraw_in": 100, "secret": "the proposal stays here"})
    hook = Webhook(receiver.url, secret=SECRET)
    await sent(saver, hook)  # what waits already is told to a new channel
    claim(saver, id_, by="ann")
    claim(saver, id_, by="bob", take=True)
    decide(saver, id_, "approve", by="bob")
    withdraw(saver, id_, by="bob")
    assert await sent(saver, hook) == 3
    assert sorted(receiver.events) == ["asked", "decided", "taken_over", "withdrawn"]
    _, body = receiver.got[0]
    told = json.loads(body)
    assert (told["review"], told["thread_id"], told["title"], told["graph"]) == (id_, "t", "Refund of 40 €", "g")
    assert b"stays here" not in b"".join(body for _, body in receiver.got)
    assert all(webhooks.verify(SECRET, headers, body) for headers, body in receiver.got)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 4
    assert letters(saver) == []


async def test_a_forged_a_changed_and_an_old_request_are_told(saver: SqliteSaver, receiver: Receiver) -> None:
    asked(saver, {})
    await sent(saver, Webhook(receiver.url, secret=SECRET))
    headers, body = receiver.got[0]
    assert webhooks.verify(SECRET, headers, body)
    assert not webhooks.verify("another", headers, body)
    assert not webhooks.verify(SECRET, headers, body + b" ")
    assert not webhooks.verify(SECRET, headers | {"webhook-id": "notice_9_9"}, body)
    earlier = str(int(headers["webhook-timestamp"]) - 301)
    assert not webhooks.verify(SECRET, headers | {"webhook-timestamp": earlier}, body)
    assert not webhooks.verify(SECRET, headers, body, within=-1)  # a replay after its time
    assert not webhooks.verify(SECRET, {}, body)


@pytest.mark.parametrize("status", [302, 400, 500, 503])
async def test_what_a_receiver_refuses_is_sent_again_later_as_the_same_notice(
    saver: SqliteSaver, receiver: Receiver, status: int
) -> None:
    asked(saver, {})
    hook, receiver.status = Webhook(receiver.url, secret=SECRET), status
    assert await sent(saver, hook) == 0
    (waiting,) = letters(saver, dead=False)
    assert (waiting.attempts, str(status) in str(waiting.error), waiting.next_at > time.time() - 1) == (1, True, True)
    assert "hidden" not in str(waiting)
    receiver.status = 200
    hurry(saver)
    assert await sent(saver, hook) == 1
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert letters(saver) == []


async def test_each_attempt_waits_longer_and_after_the_last_it_is_a_dead_letter(
    saver: SqliteSaver, receiver: Receiver
) -> None:
    asked(saver, {})
    hook, receiver.status = Webhook(receiver.url, secret=SECRET), 500
    for number in range(4):
        hurry(saver)
        begun = time.time()
        await sent(saver, hook, attempts=5, first=60)
        assert letters(saver)[0].next_at - begun >= 0.75 * 60 * 2**number
    hurry(saver)
    await sent(saver, hook, attempts=5, first=60)
    (dead,) = letters(saver, dead=True)
    assert (dead.attempts, letters(saver, dead=False)) == (5, [])
    hurry(saver)
    assert await sent(saver, hook) == 0  # a dead letter rests
    receiver.status = 200
    assert resend(saver) == 1
    assert await sent(saver, hook) == 1


def test_a_receiver_that_hangs_or_is_gone_holds_up_no_run_and_hears_of_it_later(
    saver: SqliteSaver, receiver: Receiver, tmp_path: Path
) -> None:
    id_ = asked(saver, {})
    receiver.delay, port = 1.5, receiver.port
    hook = Webhook(f"http://127.0.0.1:{port}/", secret=SECRET, timeout=0.3)
    serving = worker(saver, hook, LogFile(tmp_path / "told"))
    serving.start()
    until(lambda: len(lines(tmp_path / "told")) == 1 and letters(saver) != [])
    decide(saver, id_, "approve", by="ann")
    until(lambda: run(saver, "t").status == "done")
    until(lambda: bool(letters(saver)) and "Timeout" in str(letters(saver)[0].error))
    receiver.gone()
    hurry(saver)
    until(lambda: "ConnectError" in str(letters(saver)[0].error))
    back = Receiver(port)
    until(lambda: hurried(saver) and {"asked", "decided"} <= set(back.events))
    until(lambda: letters(saver) == [])
    serving.stop()
    back.gone()
    assert [json.loads(line)["event"] for line in lines(tmp_path / "told")] == ["asked", "decided"]


def _more(told: Path, count: int) -> bool:
    return len(lines(told)) > count


def _serve(path: Path, told: Path) -> None:
    with SqliteSaver(path) as saver:
        worker(saver, LogFile(told)).run()


@pytest.mark.slow
def test_killed_and_several_workers_deliver_everything_at_least_once(saver: SqliteSaver, tmp_path: Path) -> None:
    told, fork = tmp_path / "told", multiprocessing.get_context("fork")
    saver.database.write(lambda c: c.execute("INSERT INTO channels VALUES (?, 0)", (LogFile(told).name,)))
    asked(saver, {}, items=300)
    for _ in range(4):
        crowd = [fork.Process(target=_serve, args=(saver.database.path, told)) for _ in range(2)]
        before = len(lines(told))
        for one in crowd:
            one.start()
        until(partial(_more, told, before + 20))
        for one in crowd:
            os.kill(one.pid or 0, signal.SIGKILL)
            one.join()
    saver.database.write(lambda c: c.execute("UPDATE outbox SET next_at = 0"))  # their minute is over
    last = worker(saver, LogFile(told))
    last.start()
    until(lambda: letters(saver) == [])
    last.stop()
    ids = [json.loads(line)["id"] for line in lines(told)]
    assert len(set(ids)) == 300
    assert len(ids) <= 300 + 4 * 2 * 8  # no more again than were on their way at each kill


async def test_what_is_undone_is_not_told(saver: SqliteSaver) -> None:
    id_ = asked(saver, {"roles": ["legal"]})
    await sent(saver, LogFile(Path(os.devnull)))
    before = len(letters(saver))
    with pytest.raises(PermissionError):
        decide(saver, id_, "approve", by="eve")
    assert len(letters(saver)) == before


async def test_a_channel_that_is_forgotten_is_told_nothing_more(saver: SqliteSaver, tmp_path: Path) -> None:
    asked(saver, {})
    log = LogFile(tmp_path / "told")
    courier = Courier(saver, [log])
    await courier.open()
    assert forget(saver, log.name) == 1
    asked(saver, {}, thread="other")
    assert letters(saver) == []


@pytest.mark.parametrize("spec", ["pigeon:loft", "log:", "webhook:nowhere", "webhook:http://x/"])
def test_a_channel_that_cannot_be_used_is_refused_in_words(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREADLE_WEBHOOK_SECRET", raising=False)
    with pytest.raises(NotifierUnknown, match=r"KIND is one of log, webhook|no address|needs a secret"):
        notifier(spec)


def test_from_the_command_line(tmp_path: Path, receiver: Receiver) -> None:
    with SqliteSaver(tmp_path / "treadle.db") as saver:
        asked(saver, {})
    (tmp_path / "langgraph.json").write_text('{"graphs": {}, "dependencies": ["."]}')
    receiver.status = 500
    options = ("worker", "--once", "--notify", f"webhook:{receiver.url}", "--notify", "log:told.jsonl")
    done = treadle(tmp_path, *options, TREADLE_WEBHOOK_SECRET=SECRET)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "told.jsonl").read_text())["event"] == "asked"
    (waiting,) = listed(tmp_path, "notices")
    assert (waiting["channel"], waiting["attempts"]) == (f"webhook:http://127.0.0.1:{receiver.port}/desk", 1)
    assert treadle(tmp_path, "notices", "--forget", waiting["channel"]).returncode == 0
    assert listed(tmp_path, "notices") == []


def test_a_package_of_somebody_else_can_add_a_channel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pager.py").write_text(
        "class Pager:\n    def __init__(self, rest): self.name = 'pager:' + rest\n    def send(self, notice): pass\n"
    )
    info = tmp_path / "pager-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pager\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[treadle.notifiers]\npager = pager:Pager\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert notifier("pager:ops").name == "pager:ops"
