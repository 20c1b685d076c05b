"""How handlers compare with those that the live workers have loaded."""

from collections.abc import Sequence

from redis import Redis

from mission_control.handler_catalog.catalog import HandlerSource
from mission_control.processes.heartbeats import ProcessInfo, live_processes


def live_workers(client: Redis) -> list[ProcessInfo]:
    """Return the live workers; each publishes its handlers, and the digest of each one's file."""
    return [one for one in live_processes(client) if one.kind == "worker"]


def workers_with_another_version(source: HandlerSource, workers: Sequence[ProcessInfo]) -> list[str]:
    """Return the workers that have loaded another version of the handler than the one in this file."""
    found = {one.name: dict(one.info.get("handlers", {})).get(source.path) for one in workers}
    return [name for name, digest in found.items() if digest not in {None, source.digest}]


def difference_from_workers(source: HandlerSource, workers: Sequence[ProcessInfo]) -> str | None:
    """Return how the workers' handler differs from the one in this file; None if it does not.

    >>> from pathlib import Path
    >>> def worker(name, handlers):
    ...     return ProcessInfo("worker", name, {"handlers": handlers})
    >>> here = HandlerSource("handlers.a.run", Path("a.py"), digest="1f")
    >>> same, other = worker("w@1", {"handlers.a.run": "1f"}), worker("w@2", {"handlers.a.run": "2e"})
    >>> difference_from_workers(here, [same, other, worker("w@3", {})])
    'w@2 has another version of it; w@3 does not have it'
    >>> difference_from_workers(here, [same]) is None
    True
    """
    lacking = [one.name for one in workers if source.path not in one.info.get("handlers", {})]
    if workers and len(lacking) == len(workers):
        return "no live worker has it; its runs wait until one has"
    other = workers_with_another_version(source, workers)
    differing = [("has another version of it", other), ("does not have it", lacking)]
    return "; ".join(f"{', '.join(names)} {words}" for words, names in differing if names) or None
