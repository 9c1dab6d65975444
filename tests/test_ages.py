"""A file of any earlier version is brought up to date with all it holds, and goes on as if it were today's."""

from pathlib import Path
from typing import Any

import pytest
import zstandard
from ages import FOLDER, end, live
from peers import World, stored, told
from typer.testing import CliRunner
from workloads import WORKLOADS

from treadle.checkpoints import SqliteSaver, advance, decisions, pending, runs, traces, verify
from treadle.checkpoints.care.checkups import checkup
from treadle.commands import app
from treadle.errors import StoreOlder

AGES = sorted(FOLDER.glob("*.db.zst"), key=lambda file: int(file.name.split(".")[0]))


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What today's code sees, before and after everything is answered, in a file that it made."""
    path = tmp_path_factory.mktemp("present") / "x.db"
    live(path)
    return lived(path)


def lived(path: Path) -> list[Any]:
    """What is in a file, and what is when all of it has been taken to its end."""
    with SqliteSaver(path) as saver:
        before = held(saver)
        for thread in WORKLOADS:
            end(WORKLOADS[thread]().compile(checkpointer=saver), thread)
        fan = WORKLOADS["fan"]().compile(checkpointer=saver)
        advance(saver, fan, "advanced")
        return [before, held(saver)]


def held(saver: SqliteSaver) -> list[Any]:
    assert checkup(saver) == []
    assert verify(saver) == []
    asked = [(one.thread_id, one.node, told(one.value), one.status) for one in pending(saver, status=None, limit=1000)]
    decided = [(one.thread_id, one.action, told(one.answer), one.by) for one in decisions(saver)]
    return [
        stored(World(saver), ordered=False),
        sorted(asked),
        sorted(decided),
        sorted((one.thread_id, one.status, one.steps) for one in runs(saver, limit=1000)),
        {name: saver.remembered(name, "") for name in WORKLOADS},
        [{**entry, "at": 0} for entry in traces(saver, "fan")],
    ]


def content(file: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(file.read_bytes())


@pytest.mark.parametrize("file", AGES, ids=lambda file: file.name.split(".")[0])
def test_a_file_of_an_earlier_version_holds_what_it_held_and_goes_on(
    file: Path, present: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "x.db").write_bytes(content(file))
    found = lived(tmp_path / "x.db")
    for ours, theirs in zip(found, present, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one == other


@pytest.mark.parametrize(
    "command",
    ["db check", "db backup copy.db", "db export fan", "runs", "runs show fan", "reviews", "audit verify", "insights"],
)
def test_a_command_that_reads_brings_a_file_of_an_earlier_version_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("treadle.db").write_bytes(content(AGES[0]))
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, (done.output, done.exception)
    with SqliteSaver("treadle.db", readonly=True) as saver:
        assert len(runs(saver)) == 9


def test_who_only_reads_a_file_of_an_earlier_version_is_told_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(content(AGES[0]))
    with pytest.raises(StoreOlder, match=r"earlier treadle.*open it once where it can be written"):
        SqliteSaver(tmp_path / "x.db", readonly=True)
    assert (tmp_path / "x.db").read_bytes() == content(AGES[0])
