"""`download`: a large file over a connection that may break, going on where it stopped."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from treadle.errors import ModelUnavailable

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole."""

BLOCK = 1 << 20
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


def download(url: str, part: Path, size: int, *, progress: Progress | None = None, attempts: int = 5) -> None:
    """Fetch the ``size`` bytes of ``url`` into ``part``, after the bytes that are in it already.

    ``attempts`` bounds the connections in a row that bring nothing; one that brings bytes starts the count anew.

    Raises:
        ModelUnavailable: the address cannot be reached or offers another size, or the disk cannot take the file.
    """
    _room(part, size)
    failures = 0
    while (have := measure(part)) < size:
        problem = _try(url, part, size, progress)
        failures = 0 if measure(part) > have else failures + 1
        if failures >= attempts:
            raise ModelUnavailable(
                f"{url} cannot be fetched ({problem}); {told(measure(part))} of {told(size)} are here, "
                "and the same command goes on from there"
            )
        time.sleep(min(failures, 5))


def measure(path: Path) -> int:
    """The bytes in a file; 0 when there is none."""
    return path.stat().st_size if path.exists() else 0


def told(count: int) -> str:
    """A count of bytes for people.

    >>> told(98_362_432)
    '98 MB'
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count} bytes"


@contextmanager
def disk(path: Path, verb: str = "write") -> Iterator[None]:
    """Turn what the disk refuses into a ModelUnavailable that names the path and the reason."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ModelUnavailable(
            f"cannot {verb} {path}: {reason}; make it possible, or set XDG_CACHE_HOME to another folder"
        ) from error


def _try(url: str, part: Path, size: int, progress: Progress | None) -> str:
    """Take what one connection brings; return why it ended."""
    have = measure(part)
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urlopen(request, timeout=60) as response:
            _take(response, part, size, progress)
    except HTTPError as error:
        if error.code not in TRANSIENT:
            raise ModelUnavailable(f"{url} answers {error.code} {error.reason}") from error
        return f"it answers {error.code} {error.reason}"
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    return "the connection ended early"


def _take(response: HTTPResponse, part: Path, size: int, progress: Progress | None) -> None:
    # A server that ignores the range sends the whole file anew.
    start = measure(part) if response.status == 206 else 0
    length = response.headers.get("Content-Length")
    if length is not None and start + int(length) != size:
        raise ModelUnavailable(f"{response.url} offers {told(start + int(length))} instead of {told(size)}")
    with disk(part):
        out = part.open("r+b" if part.exists() else "wb")
    with out:
        out.seek(start)
        while block := response.read1(BLOCK):
            with disk(part):
                out.write(block)
                out.flush()
            if progress:
                progress(out.tell(), size)


def _room(part: Path, size: int) -> None:
    free, wanted = shutil.disk_usage(part.parent).free, size - measure(part)
    if free < wanted:
        raise ModelUnavailable(
            f"{part.parent} has {told(free)} free and {told(wanted)} more are needed: make room, or set "
            "XDG_CACHE_HOME to a folder on another disk"
        )
