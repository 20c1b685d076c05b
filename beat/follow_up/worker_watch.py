"""The watch of beat over the workers: it reports queues whose runs wait and that no live worker serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from mission_control.model.values.quantities import counted
from mission_control.notifications.alarms import QUEUE, Alarms
from mission_control.processes.heartbeats import live_processes
from mission_control.store import redis_keys


@dataclass(frozen=True)
class WorkerWatch:
    """Begins an alarm for each such queue, and ends it when a worker is back or nothing waits."""

    client: Redis
    alarms: Alarms

    def look(self, unanswered: Mapping[str, list[str]]) -> int:
        """Look once; return how many alarms have begun or are over.

        `unanswered` has by queue the runs whose messages have waited for a worker. The alarm that beat is
        silent is over, too: the caller leads.
        """
        alive = [one.info for one in live_processes(self.client) if one.kind == "worker"]
        served = {queue for info in alive for queue in info.get("queues", ())}
        wrong = {f"{QUEUE}{queue}": runs for queue, runs in unanswered.items() if queue not in served}
        open_ones: Any = self.client.hkeys(redis_keys.ALARMS)
        over = set(open_ones) - wrong.keys()
        changed = sum(self.alarms.end(name) for name in sorted(over))
        others = "" if alive else "; no worker is alive"
        for name, runs in wrong.items():
            changed += self.alarms.begin(
                name, f"{counted(len(runs), 'run')} of it wait, first {runs[0]}{others}"
            )
        return changed
