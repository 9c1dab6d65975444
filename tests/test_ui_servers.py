"""Serving the page: what is refused before anything is started, and with which options it runs."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import desk
import pytest

from treadle.checkpoints import SqliteSaver, decide, pending, run
from treadle.errors import PageUnavailable
from treadle.graphs.runs import start
from treadle.ui import serve
from treadle.ui.servers import APP, free, options


def test_a_port_in_use_is_refused_before_the_server_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PageUnavailable, match=f"127.0.0.1:{port}.*choose another port"):
            serve(tmp_path / "treadle.db", port)
    assert not (tmp_path / "treadle.db").exists()


def test_a_number_that_is_no_port_is_refused() -> None:
    with pytest.raises(PageUnavailable, match="70000 is no port"):
        free(70000)


def test_others_cannot_reach_the_page_while_nobody_signs_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PageUnavailable, match="decide under any name"):
        serve(tmp_path / "treadle.db", 0, address="0.0.0.0")


def test_where_reviewers_would_sign_in_the_extra_that_it_takes_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text('[auth]\nclient_id = "treadle"\n')
    code = "import sys; sys.modules['authlib'] = None; from treadle.ui import serve; serve('treadle.db', 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PageUnavailable: Reviewers cannot sign in" in done.stderr
    assert "pip install 'treadle[login]'" in done.stderr
    assert not (tmp_path / "treadle.db").exists()


def test_port_nought_takes_a_free_one() -> None:
    assert 0 < free(0) < 65536


def test_the_page_tells_nobody_and_answers_on_this_machine_only() -> None:
    given = options(port=8501)
    assert "--browser.gatherUsageStats=false" in given
    assert "--server.address=127.0.0.1" in given
    assert "--client.showErrorDetails=none" in given


def test_no_folder_beside_the_app_is_taken_for_a_navigation_that_hides_a_first_visitors_page() -> None:
    assert APP.exists()
    assert not APP.with_name("pages").exists()  # Streamlit's own: "Page not found" over whatever a link leads to


def test_what_was_decided_before_the_page_is_served_goes_on_though_nobody_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "treadle.db"
    listed = tmp_path / "langgraph.json"
    listed.write_text(json.dumps({"dependencies": ["."], "graphs": {"desk": f"{desk.__file__}:graph"}}))
    with SqliteSaver(path) as saver:
        start(desk.graph, desk.clauses(1), saver=saver, name="desk", thread_id="a")
        decide(saver, pending(saver)[0].id, "approve", by="ann")
        command = [sys.executable, "-m", "treadle", "ui", "--db", str(path), "--graphs", str(listed)]
        with subprocess.Popen([*command, "--port", str(free(0))], stdout=subprocess.DEVNULL) as server:
            try:
                until = time.monotonic() + 60
                while run(saver, "a").status != "done" and time.monotonic() < until:
                    time.sleep(0.1)
            finally:
                server.terminate()
        assert run(saver, "a").status == "done"
