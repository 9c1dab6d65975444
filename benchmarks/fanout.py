"""What a fan-out costs: wall time, CPU, delay and memory against bare asyncio and against LangGraph's plain `Send`.

Run ``python benchmarks/fanout.py`` (many minutes), ``--quick`` (fewer repetitions, smaller sizes), ``--only PART``,
``--json FILE``. Every figure is a median of interleaved repetitions; ratios are taken between medians of the same run.
Peers are measured where they are installed (``uv run --with pydantic-graph``).
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from fanouts import ends, peers, services, speeds, supplies
from fanouts.rows import Row


def parts(*, quick: bool) -> dict[str, Callable[[], list[Row]]]:
    """What is measured."""
    repetitions, large = (3, 3000) if quick else (5, 10_000)
    return {
        "walls": lambda: speeds.walls(repetitions),
        "peers": lambda: peers.peers(repetitions),
        "jittered": lambda: speeds.jittered(large, 1 if quick else 3),
        "cpu": lambda: speeds.cpu(large, repetitions),
        "memory": lambda: speeds.memory(large),
        "throttling": lambda: services.throttling(300 if quick else 800),
        "stopping": ends.stopping,
        "supplies": lambda: supplies.supplied(100_000 if quick else 1_000_000, durable=False),
        "durable supplies": lambda: supplies.supplied(20_000 if quick else 100_000, durable=True),
    }


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, smaller sizes")
    parser.add_argument("--json", metavar="FILE", type=Path, help="a list of name, value, goal, holds")
    parser.add_argument("--only", choices=parts(quick=True), help="one part")
    chosen = parser.parse_args()
    measured = parts(quick=chosen.quick)
    rows = [one for name, part in measured.items() if chosen.only in (None, name) for one in part()]
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1) + "\n")
    for one in rows:
        verdict = {None: "", True: "holds", False: "MISSED"}[one["holds"]]
        goal = "" if one["goal"] is None else f"goal {one['goal']:.3g}"
        print(f"{one['name']:<72} {one['value']:>10.3f}  {goal:<12} {verdict}")


if __name__ == "__main__":
    main()
