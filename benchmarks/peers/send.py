"""`python -m benchmarks.peers.send NAME [FUNCTION] RUNS`: queue runs of a peer, in its own environment.

With FUNCTION, the peer's function for that, what the sending took is reported.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.timed_sending import report_sending


def main() -> None:
    """Have the peer's module send."""
    name, *function, runs = sys.argv[1:]
    peer = import_module(f"benchmarks.peers.{name}")
    if function:
        report_sending(getattr(peer, function[0]), int(runs))
    else:
        peer.send(int(runs))


if __name__ == "__main__":
    main()
