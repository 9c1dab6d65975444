"""Work for other processes, which load this module and nothing of treadle's."""

import os
import time
from pathlib import Path


def die_once(flag: str) -> int:
    """End the process that this runs in, if there is a file of that name; it is removed first."""
    if flag and Path(flag).exists():
        Path(flag).unlink()
        os._exit(1)
    return os.getpid()


def die_if(n: int) -> int:
    """End the process that this runs in for one item, as a crash of native code would."""
    if n == 3:
        os._exit(1)
    time.sleep(0.01)
    return n


def slowly(n: int) -> tuple[int, int]:
    """Where an item was worked on."""
    time.sleep(0.05)
    return n, os.getpid()
