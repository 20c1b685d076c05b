"""`python -m benchmarks.peers.send NAME RUNS`: queue runs of a peer, in its own environment."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    """Have the peer's module send."""
    name, runs = sys.argv[1:]
    import_module(f"benchmarks.peers.{name}").send(int(runs))


if __name__ == "__main__":
    main()
