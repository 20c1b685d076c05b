"""The peers, each with the command line that its manual gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from benchmarks.peers.peer import Peer

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

NAMES: Final = ("dramatiq", "huey", "rq", "taskiq", "arq")


def known_peers(environment: Path, processes: int) -> dict[str, Peer]:
    """Return the peers that are installed in a virtual environment, each with so many worker processes."""
    n = str(processes)
    arq = ["arq", "benchmarks.peers.arq.Worker", "--custom-log-dict", "benchmarks.peers.arq.QUIET"]
    taskiq = ["taskiq", "worker", "benchmarks.peers.taskiq:broker", "--log-level", "WARNING"]
    commands: dict[str, list[list[str]]] = {
        "dramatiq": [["dramatiq", "benchmarks.peers.dramatiq", "--processes", n, "--threads", "1"]],
        "huey": [["huey_consumer", "benchmarks.peers.huey.huey", "-k", "process", "-w", n, "-q"]],
        "rq": [["rq", "worker-pool", "default", "-n", n, "--quiet", "--logging-level", "WARNING"]],
        "taskiq": [[*taskiq, "--workers", n]],
        "arq": [arq] * processes,
    }
    return {name: Peer(name, commands[name], _LEFT[name], environment) for name in NAMES}


def _dramatiq(client: Redis) -> int:
    return _count(client.hlen("dramatiq:default.msgs"))


def _huey(client: Redis) -> int:
    return _count(client.llen("huey.redis.benchmark"))  # popped before it is run: nothing to acknowledge


def _rq(client: Redis) -> int:
    return _count(client.llen("rq:queue:default")) + _count(client.zcard("rq:wip:default"))


def _taskiq(client: Redis) -> int:
    groups: Any = client.xinfo_groups("taskiq")
    return sum(int(group["lag"]) + int(group["pending"]) for group in groups)


def _arq(client: Redis) -> int:
    return _count(client.zcard("arq:queue"))


def _count(reply: Any) -> int:  # noqa: ANN401  # redis-py's answers may be awaitable
    return int(reply)


_LEFT: Final = {"dramatiq": _dramatiq, "huey": _huey, "rq": _rq, "taskiq": _taskiq, "arq": _arq}
