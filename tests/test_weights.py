import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from treadle.errors import ModelUnavailable
from treadle.nodes.local import weights
from treadle.nodes.local.weights import Weights

CONTENT = bytes(range(256)) * 40_000


@dataclass
class Publisher:
    """A publisher on loopback, with the faults it is told to have."""

    content: bytes = CONTENT
    cut_after: int | None = None
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    address: str = ""

    def weights(self) -> Weights:
        return Weights(
            name="tiny",
            file="tiny.gguf",
            sha256=hashlib.sha256(CONTENT).hexdigest(),
            size=len(CONTENT),
            repository="someone/tiny",
            context=1024,
            use="nothing",
            publisher=self.address,
        )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "treadle" / "models"


@pytest.fixture
def publisher(cache: Path) -> Iterator[Publisher]:
    told = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, told)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


def _answer(handler: BaseHTTPRequestHandler, told: Publisher) -> None:
    asked = handler.headers.get("Range")
    told.asked.append(asked)
    if told.statuses:
        handler.send_error(told.statuses.pop(0))
        return
    start = int(re.sub(r"\D", "", asked)) if asked and told.ranges else 0
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(told.content) - start))
    handler.end_headers()
    end = None if told.cut_after is None else start + told.cut_after
    with suppress(ConnectionError):
        handler.wfile.write(told.content[start:end])
    handler.close_connection = True


def test_a_pull_stores_the_publishers_file_and_reports_progress_to_the_last_byte(publisher: Publisher) -> None:
    seen: list[tuple[int, int]] = []
    path = weights.pull(publisher.weights(), progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_pull_whose_connection_drops_half_way_goes_on_from_there(publisher: Publisher) -> None:
    publisher.cut_after = len(CONTENT) // 2 + 1
    path = weights.pull(publisher.weights())
    assert path.read_bytes() == CONTENT
    assert publisher.asked == [None, f"bytes={publisher.cut_after}-"]


def test_a_pull_goes_on_from_what_an_earlier_one_left(publisher: Publisher, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(CONTENT[:1000])
    assert weights.pull(publisher.weights()).read_bytes() == CONTENT
    assert publisher.asked == ["bytes=1000-"]
    assert not (cache / "tiny.gguf.part").exists()


def test_a_publisher_that_ignores_ranges_sends_the_whole_file_anew(publisher: Publisher, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(b"?" * 1000)
    publisher.ranges = False
    assert weights.pull(publisher.weights()).read_bytes() == CONTENT


def test_a_publisher_that_is_busy_is_asked_again(publisher: Publisher) -> None:
    publisher.statuses = [503]
    assert weights.pull(publisher.weights()).read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_gives_up_and_says_how_to_go_on(publisher: Publisher, cache: Path) -> None:
    publisher.cut_after = 0
    with pytest.raises(
        ModelUnavailable, match=r"0 bytes of 10 MB are here, and the same command goes on.*models add FILE"
    ):
        weights.pull(publisher.weights(), attempts=1)


def test_a_missing_file_is_told_with_its_address(publisher: Publisher) -> None:
    publisher.statuses = [404]
    with pytest.raises(ModelUnavailable, match=r"someone/tiny/resolve/main/tiny.gguf answers 404 .*models add FILE"):
        weights.pull(publisher.weights())


def test_a_publisher_that_is_not_there_is_told_in_words(cache: Path) -> None:
    gone = Publisher(address="http://127.0.0.1:9").weights()
    with pytest.raises(ModelUnavailable, match="cannot be fetched"):
        weights.pull(gone, attempts=1)


def test_a_file_of_another_size_is_refused_before_it_is_fetched(publisher: Publisher, cache: Path) -> None:
    publisher.content = CONTENT + b"more"
    with pytest.raises(ModelUnavailable, match="offers 10 MB instead of"):
        weights.pull(publisher.weights())
    assert list(cache.iterdir()) == []


def test_a_file_with_the_wrong_hash_is_refused_and_removed(publisher: Publisher, cache: Path) -> None:
    publisher.content = CONTENT[::-1]
    with pytest.raises(ModelUnavailable, match="wrong SHA-256 and was removed"):
        weights.pull(publisher.weights())
    assert list(cache.iterdir()) == []


def test_weights_that_are_here_are_not_fetched_again(publisher: Publisher) -> None:
    weights.pull(publisher.weights())
    weights.pull(publisher.weights())
    assert len(publisher.asked) == 1


def test_a_damaged_file_is_fetched_anew(publisher: Publisher, cache: Path) -> None:
    weights.pull(publisher.weights()).write_bytes(b"damaged")
    assert weights.pull(publisher.weights()).read_bytes() == CONTENT


def test_a_folder_that_cannot_be_made_is_told_with_its_path(publisher: Publisher, tmp_path: Path) -> None:
    (tmp_path / "treadle").write_text("a file where the folder should be")
    with pytest.raises(ModelUnavailable, match=r"cannot write .*tiny\.gguf: .*set XDG_CACHE_HOME"):
        weights.pull(publisher.weights())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_disk_that_fills_up_is_told_with_the_path(publisher: Publisher, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").symlink_to("/dev/full")
    with pytest.raises(ModelUnavailable, match=r"cannot write .*tiny\.gguf\.part: No space left on device"):
        weights.pull(publisher.weights())


def test_more_than_the_disk_has_room_for_is_refused_before_it_is_fetched(publisher: Publisher, cache: Path) -> None:
    huge = Weights(**{**vars(publisher.weights()), "size": 1 << 62})
    with pytest.raises(ModelUnavailable, match=r"free and .* more are needed"):
        weights.pull(huge)
    assert publisher.asked == []


def test_a_file_with_the_right_hash_is_added_under_its_own_name(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Publisher().weights()
    monkeypatch.setattr(weights, "KNOWN", {"tiny": tiny})
    (tmp_path / "copy.bin").write_bytes(CONTENT)
    assert weights.add(tmp_path / "copy.bin") == tiny
    assert weights.find("tiny") == weights.verify("tiny") == cache / "tiny.gguf"
    assert (cache / "tiny.gguf").read_bytes() == CONTENT


def test_a_file_with_another_hash_is_not_added(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(b"something else")
    with pytest.raises(ModelUnavailable, match=r"holds none of the known weights: qwen2\.5-coder-1\.5b"):
        weights.add(tmp_path / "other.gguf")
    assert not cache.exists()


def test_a_file_that_is_not_there_is_not_added(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"cannot read .*nowhere: No such file"):
        weights.add(tmp_path / "nowhere")


def test_weights_that_are_not_here_are_told_with_the_commands_that_help(cache: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"`treadle models pull qwen.*1\.1 GB.*`treadle models add FILE`"):
        weights.find()
    assert not weights.present()


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(ModelUnavailable, match=r"no weights are called 'gpt'; known: qwen2\.5-coder-1\.5b-instruct, "):
        weights.find("gpt")


def test_half_a_file_does_not_count_as_weights(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / weights.KNOWN[weights.DEFAULT].file).write_bytes(b"half")
    assert not weights.present()


def test_weights_changed_on_disk_do_not_pass_verification(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "KNOWN", {"tiny": Publisher().weights()})
    cache.mkdir(parents=True)
    (cache / "tiny.gguf").write_bytes(CONTENT[::-1])
    with pytest.raises(ModelUnavailable, match=r"damaged \(wrong SHA-256\): `treadle models pull tiny`"):
        weights.verify("tiny")


def test_any_gguf_file_may_be_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF")
    assert weights.find(str(tmp_path / "own.gguf")) == tmp_path / "own.gguf"
    with pytest.raises(ModelUnavailable, match="no file of weights at"):
        weights.find(str(tmp_path / "gone.gguf"))
