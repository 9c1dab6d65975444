"""Fixtures that several rooms' tests share."""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import create_loader

from treadle.errors import ModelUnavailable
from treadle.nodes.local.weights import find, folder
from treadle.testing import ConverseServer

# Tests start hundreds of Python processes. Where the environment forbids bytecode, as images for containers do, each
# of them would compile all of LangGraph anew: 1.5 of 2.7 seconds.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

FETCH = Path(__file__).parents[2] / "shared" / "tools" / "fetch-weights"
"""Assembles the weights on machines that do not reach their publisher."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: a file's tests stay together, and none should be left for the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores: tests wait for pages, clocks and other processes."""
    return 2 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Callable[..., dict[str, Any]]:
    """Both ways of running a graph."""

    def ahead(graph: Any, *given: Any) -> dict[str, Any]:
        done: dict[str, Any] = asyncio.run(graph.ainvoke(*given))
        return done

    return ahead if request.param == "async" else lambda graph, *given: graph.invoke(*given)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ConverseServer]]:
    """Starts a server that boto3 finds."""
    started: list[ConverseServer] = []

    def start(*given: Any, **more: Any) -> ConverseServer:
        server = ConverseServer(*given, **more).start()
        started.append(server)
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session", autouse=True)
def _once() -> Iterator[None]:
    """What others do anew for each client and each page of a test, though it never changes, is done once.

    To read the descriptions of all of AWS's services; to look through every installed package for parts of a page.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("botocore.session.create_loader", cache(create_loader))
        if "streamlit" in sys.modules:
            scanner = import_module("streamlit.components.v2.manifest_scanner")
            patched.setattr(scanner, "scan_component_manifests", cache(scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def _main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streamlit leaves the last script of a test as ``__main__``, which a process pool would run again."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture(scope="session")
def weights() -> Callable[[str], Path]:
    """The path of a local model's weights by name: from the cache folder, else fetched, else the test is skipped.

    In CI, where they can be fetched, a test is never skipped for want of them.
    """

    def present(name: str) -> Path:
        if find_spec("xllamacpp") is None:
            _missing("the extra is not installed: pip install 'treadle[local]'")
        try:
            return find(name)
        except ModelUnavailable as error:
            if FETCH.exists():
                _fetch(name)
                return find(name)
            pytest.skip(str(error))

    return present


@pytest.fixture(scope="session")
def small_weights(weights: Callable[[str], Path]) -> Path:
    """The weights for smoke tests: 98 MB."""
    return weights("smollm2-135m-instruct")


@pytest.fixture(scope="session")
def model_weights(weights: Callable[[str], Path]) -> Path:
    """The weights that people use: 1.1 GB."""
    return weights("qwen2.5-coder-1.5b-instruct")


def _fetch(name: str) -> None:
    done = subprocess.run(
        [sys.executable, str(FETCH), name, str(folder())], capture_output=True, text=True, timeout=1200, check=False
    )
    if done.returncode:
        _missing(f"{name} could not be fetched: {done.stderr.strip()[-500:]}")


def _missing(reason: str) -> None:
    verdict = pytest.fail if os.environ.get("CI") and FETCH.exists() else pytest.skip
    verdict(reason)
