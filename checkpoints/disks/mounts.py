"""What file system a path is on: SQLite's write-ahead log needs one of this machine."""

import os
from functools import cache
from pathlib import Path

from treadle.checkpoints.disks.files import Mark, mark
from treadle.errors import StoreError

NETWORK = frozenset(
    (
        *(
            "9p",
            "afs",
            "beegfs",
            "ceph",
            "cifs",
            "davfs",
            "gfs2",
            "glusterfs",
            "gpfs",
            "lustre",
            "ncpfs",
            "nfs",
            "nfs4",
        ),
        *("ocfs2", "orangefs", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf"),
        *("fuse.ceph", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    )
)
"""Types of file systems that other machines share, where locks and shared memory do not hold as SQLite needs them."""

ALLOWED = "TREADLE_NETWORK_FILES"
"""Set to ``allow``, this environment variable admits such file systems all the same."""

MOUNTS = Path("/proc/self/mounts")


def kind(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system that holds a path, such as ``ext4``; None where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place, found, longest = os.path.realpath(path), None, -1
    for fields in map(str.split, lines):
        point = _plain(fields[1]) if len(fields) > 2 else ""
        if point and len(point) >= longest and _inside(place, point):
            found, longest = fields[2], len(point)
    return found


def _plain(point: str) -> str:
    """A mount point as it is: spaces and the like are written in octal."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(code, character)
    return point


def _inside(place: str, point: str) -> bool:
    return place == point or place.startswith(point.rstrip("/") + "/")


@cache
def _known(place: Mark | None, folder: Path, mounts: Path) -> str | None:
    """What ``kind`` found for a folder: it stays the same as long as the folder is."""
    return kind(folder, mounts)


def admit(path: Path, mounts: Path = MOUNTS) -> None:
    """Raise StoreError for a database on a file system that other machines share."""
    folder = Path(os.path.realpath(path)).parent
    found = _known(mark(folder), folder, mounts)
    if found in NETWORK and os.environ.get(ALLOWED) != "allow":
        raise StoreError(
            f"The database {path} is on a network file system ({found}), where SQLite's locks do not hold and what was"
            f" stored can be lost: put it on a disk of this machine. {ALLOWED}=allow admits it at your own risk, for"
            " one machine at a time."
        )
