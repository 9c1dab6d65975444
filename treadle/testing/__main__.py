"""``python -m treadle.testing``: a Converse server in a process of its own; prints its address, ends with its input."""

import argparse
import json
import sys

from treadle.testing import ConverseServer


def main() -> None:
    """Serve until standard input ends; then print how many requests ended in each way, and how often each was sent."""
    parser = argparse.ArgumentParser(prog="python -m treadle.testing", description=ConverseServer.__doc__)
    parser.add_argument("--reply", default="OK")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--admits", type=float, help="requests a second")
    parser.add_argument("--burst", type=float, help="requests at once")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=SHARE")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    faults = {name: float(share) for name, _, share in (one.partition("=") for one in given.fault)}
    with ConverseServer(
        given.reply, latency=given.latency, admits=given.admits, burst=given.burst, faults=faults, port=given.port
    ) as server:
        print(server.url, flush=True)
        sys.stdin.read()
        most = max(server.sent.values(), default=0)
        print(json.dumps({"results": server.results, "most": most, "busiest": server.busiest}), flush=True)


if __name__ == "__main__":
    main()
