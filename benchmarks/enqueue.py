"""How fast a program hands over runs: ours, plain Celery's `apply_async`, and the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.comparison import Comparison
from benchmarks.figures import Round
from benchmarks.ours import installation_at
from benchmarks.peers.environment import PeersMissingError, peers_environment, peers_versions
from benchmarks.peers.surroundings import URL_VARIABLE
from benchmarks.place import CHECKOUT, MeasurementError, Place
from benchmarks.timed_sending import WARM_UP

_OURS: Final = ("ours", "ours_many", "apply_async")
_PEERS: Final = {
    "dramatiq": ("dramatiq", "send"),
    "huey": ("huey", "send"),
    "rq": ("rq", "send"),
    "rq_many": ("rq", "send_many"),
}


def compare_enqueue(
    calls: int,
    only: Collection[str] | None = None,
    *,
    environment: Callable[[], Path] = peers_environment,
) -> Comparison:
    """Compare how many runs a second a program can hand over, and what one costs it and the server.

    `ours_many` is one call of `enqueue_many` with idempotency keys, `rq_many` RQ's of that name. Peers that
    cannot be installed are left out, and the report says so.
    """
    contenders: dict[str, Callable[[], Round]] = {
        name: partial(_measure, [sys.executable, "-m", "benchmarks.senders", name], calls) for name in _OURS
    }
    facts: dict[str, Any] = {"load": {"calls": calls}}
    if only is not None and not set(only) & _PEERS.keys():
        return _comparison(contenders, facts)
    try:
        python = str(environment() / "bin" / "python")
    except PeersMissingError as error:
        print(f"enqueue: without {', '.join(_PEERS)}: {error}", file=sys.stderr, flush=True)
        facts["left_out"] = {"contenders": list(_PEERS), "why": str(error)}
    else:
        facts["peers"] = peers_versions()
        for name, (peer, function) in _PEERS.items():
            command = [python, "-m", "benchmarks.peers.send", peer, function]
            contenders[name] = partial(_measure, command, calls)
    return _comparison(contenders, facts)


def _comparison(contenders: dict[str, Callable[[], Round]], facts: dict[str, Any]) -> Comparison:
    return Comparison(
        "enqueue",
        "calls_per_second",
        contenders,
        less_is_better=False,
        reference="apply_async",
        peers=[name for name in contenders if name in _PEERS],
        facts=facts,
    )


def _measure(command: Sequence[str], calls: int) -> Round:
    with Place() as place:
        ours = installation_at(place).settings.environment()
        before = place.cpu_seconds()
        ended = subprocess.run(
            [*command, str(calls)],
            env={**os.environ, **ours, "PYTHONPATH": str(CHECKOUT), URL_VARIABLE: place.url},
            cwd=place.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise MeasurementError(f"{command[-1]} could not send:\n{ended.stderr[-2_000:]}")
        server = (place.cpu_seconds() - before) / (calls + WARM_UP) * 1e6
    taken: Round = json.loads(ended.stdout.splitlines()[-1])
    return {**taken, "server_cpu_us_per_call": server}
