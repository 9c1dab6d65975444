"""Measure what treadle's store costs: ``python benchmarks/store.py [--quick] [--json FILE]``."""

import argparse
import os
from pathlib import Path
from typing import Any

from rich.console import Console
from stores import chains, crowds, disks, fanouts, memories, readings, steps, waitings
from stores.claims import Claim, save, show

PARTS: dict[str, Any] = {
    "chains": chains,
    "fanouts": fanouts,
    "disks": disks,
    "readings": readings,
    "waitings": waitings,
    "steps": steps,
    "crowds": crowds,
    "memories": memories,
}


def main() -> None:
    """Run every part and say which claims hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and smaller numbers: under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the claims to a file")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repetitions (without --quick)")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=list(PARTS), help="some parts only")
    asked = parser.parse_args()
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    console = Console()
    found: list[Claim] = []
    for name in asked.only:
        found += show(PARTS[name].claims(repeats=1 if asked.quick else asked.repeats, quick=asked.quick), console)
    if asked.json:
        save(found, asked.json)


if __name__ == "__main__":
    main()
