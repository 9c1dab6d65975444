"""The folders, the links, the packaging and the imports say the same."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import treadle
from treadle import errors

ROOT = Path(__file__).parents[1]
ROOMS = ("checkpoints", "examples", "graphs", "nodes", "ui")
ALLOWED = {
    "nodes": set(),
    "checkpoints": set(),
    "graphs": {"nodes"},
    "ui": {"graphs", "checkpoints"},
    "examples": {"graphs", "nodes", "checkpoints"},
}
"""Which rooms a room may import, besides what the front door has for all."""

FRONT = ("errors", "digests", "dialects", "causes", "plains")

OPERATES = {"graphs/runs.py": {"checkpoints"}, "graphs/versions.py": {"checkpoints"}}
"""The modules that operate runs may also know the store."""


def settings() -> dict[str, object]:
    config: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    return config


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_a_real_folder_with_a_link_and_a_package_of_its_own(room: str) -> None:
    assert (ROOT / room).is_dir()
    assert not (ROOT / room).is_symlink()
    link = ROOT / "treadle" / room
    assert link.is_symlink()
    assert str(link.readlink()) == f"../{room}"
    assert settings()["package-dir"][f"treadle.{room}"] == room  # type: ignore[index]
    assert f"treadle.{room}" in settings()["packages"]  # type: ignore[operator]


def test_every_package_and_no_other_is_packaged() -> None:
    folders = [ROOT / "treadle", *(ROOT / room for room in ROOMS)]
    found = {
        ".".join(("treadle", *path.parent.relative_to(ROOT).parts)).replace("treadle.treadle", "treadle")
        for folder in folders
        for path in folder.rglob("__init__.py")
        if not any(part.is_symlink() for part in path.parents)
    }
    assert found == set(settings()["packages"])  # type: ignore[call-overload]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    for path in (ROOT / room).rglob("*.py"):
        allowed = ALLOWED[room] | OPERATES.get(str(path.relative_to(ROOT)), set()) | {room, *FRONT}
        for name in imported(path):
            parts = name.split(".")
            assert parts[0] not in ROOMS, f"{path}: import treadle.{name}, not {name}"
            if parts[0] == "treadle" and len(parts) > 1:
                assert parts[1] in allowed, f"{path} imports {name}"


@pytest.mark.parametrize(
    "path", sorted([*ROOT.glob("*/*.py"), *ROOT.glob("*/*/*.py")]), ids=lambda path: str(path.relative_to(ROOT))
)
def test_no_module_uses_the_private_parts_of_a_library(path: Path) -> None:
    foreign = [name for name in imported(path) if name.split(".")[0] != "treadle"]
    private = [
        name for name in foreign if any(part.startswith("_") and part != "__future__" for part in name.split("."))
    ]
    assert private == []


def test_bare_names_of_the_rooms_are_not_importable_from_an_installation() -> None:
    code = "import sys; sys.path.pop(0); import importlib.util as u; print([r for r in sys.argv[1:] if u.find_spec(r)])"
    done = subprocess.run([sys.executable, "-c", code, *ROOMS], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["treadle", *(f"treadle.{room}" for room in ROOMS)])
def test_exported_names_exist(name: str) -> None:
    module = importlib.import_module(name)
    for exported in getattr(module, "__all__", ()):
        assert getattr(module, exported) is not None


def test_the_error_tree_is_drawn_whole() -> None:
    drawn = errors.__doc__ or ""
    made = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert [name for name in made if name not in drawn] == []
    for name in made:
        kind = getattr(errors, name)
        assert issubclass(kind, errors.TreadleError)
        assert name == "TreadleError" or any(base.__module__ == "builtins" for base in kind.__mro__[1:-3]), name
    assert treadle.TreadleError is errors.TreadleError
