"""Who holds a lease: a name for one process that another process can tell to be gone."""

import os
import socket
import uuid
from functools import cache
from pathlib import Path


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When the process started, in clock ticks since boot; empty where the system does not tell."""
    stat = _text(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


@cache
def _place() -> str:
    """This machine since its last start, this container: where a process id means the same process."""
    parts = (_text("/proc/sys/kernel/random/boot_id")[:8], _namespace().strip("pid:[]"))
    return "/".join((socket.gethostname(), *(part for part in parts if part)))


def identity() -> str:
    """A new name for a holder in this process: ``place:process:started:token``."""
    pid = os.getpid()
    return f"{_place()}:{pid}:{_started(pid)}:{uuid.uuid4().hex[:8]}"


@cache
def _process(pid: int) -> str:
    return identity()


def process() -> str:
    """The name of this process as such, the same at every call."""
    return _process(os.getpid())


def gone(owner: str | None) -> bool:
    """Whether the owner was a process of this machine that has ended; False when that cannot be known."""
    place, pid, started = _parts(owner)
    if place != _place() or not pid.isdigit():
        return False
    if not _alive(int(pid)):
        return True
    return bool(started) and started != _started(int(pid))


def words(owner: str | None) -> str:
    """The owner in words, for a message."""
    place, pid, _ = _parts(owner)
    return f"process {pid} on {place.split('/')[0]}" if pid else str(owner)


def _parts(owner: str | None) -> tuple[str, str, str]:
    parts = (owner or "").rsplit(":", 3)
    return (parts[0], parts[1], parts[2]) if len(parts) == 4 else (owner or "", "", "")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OSError):
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """A killed process whose parent has not asked for it yet does nothing any more."""
    return _text(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] == ["Z"]
