"""What our worker is compared with: a bare Celery worker, and the peers where they can be installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bare_worker import BareWorker
from benchmarks.comparison import Comparison
from benchmarks.our_worker import OurWorker
from benchmarks.peers.environment import PeersMissingError, peers_environment, peers_versions
from benchmarks.peers.known import NAMES, known_peers
from benchmarks.peers.peer import Peer
from benchmarks.run_contender import Pool, RunContender
from benchmarks.worker import measure_worker


def compare_workers(
    runs: int,
    pool: Pool,
    only: Collection[str] | None = None,
    *,
    environment: Callable[[], Path] = peers_environment,
) -> Comparison:
    """Compare how many runs a second are carried out, and what one costs; runs do nothing.

    The peers have as many processes as a prefork pool has; other pools are compared with the bare worker's
    alone. Ours is measured with a signing key, and with named limits, too. Peers that cannot be installed are
    left out, and the report says so.
    """
    wanted = _wanted(pool, only)
    peers, facts = _peers(pool, environment) if wanted else ({}, {})
    contenders: dict[str, RunContender] = {
        "ours": OurWorker(pool),
        "ours_signed": OurWorker(pool, signing_key="k" * 64),
        "ours_with_one_limit": OurWorker(pool, limits=1),
        "ours_with_three_limits": OurWorker(pool, limits=3),
        "bare": BareWorker(pool),
        "bare_without_events": BareWorker(pool, events=False),
        **{name: peer for name, peer in peers.items() if name in wanted},
    }
    return Comparison(
        "worker",
        "runs_per_second",
        {name: partial(measure_worker, one, runs) for name, one in contenders.items()},
        less_is_better=False,
        reference="bare",
        peers=[name for name in contenders if name not in ("ours", "bare")],
        facts={"load": {"runs": runs, "pool": pool.kind, "concurrency": pool.concurrency}, **facts},
    )


def _wanted(pool: Pool, only: Collection[str] | None) -> set[str]:
    if pool.kind != "prefork":
        return set()
    return set(NAMES) if only is None else set(NAMES) & set(only)


def _peers(pool: Pool, environment: Callable[[], Path]) -> tuple[dict[str, Peer], dict[str, Any]]:
    try:
        peers = known_peers(environment(), pool.concurrency)
    except PeersMissingError as error:
        print(f"worker: without {', '.join(NAMES)}: {error}", file=sys.stderr, flush=True)
        return {}, {"left_out": {"contenders": list(NAMES), "why": str(error)}}
    return peers, {"peers": peers_versions()}
