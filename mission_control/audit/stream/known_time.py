"""Since when Redis knows all writers and all runs: what is older was forgotten, or was before.

The hash `mc:audit:known_since` has the high-water marks, in Unix seconds: `writers` and `runs`, which begin
with the first anchor and only rise; `trimmed:<key of a task's runs>`, when the last of its surplus runs had
ended; and `retention`, the seconds for which finished runs are kept.
"""

from dataclasses import dataclass, field
from typing import Self, cast

from redis import Redis

from mission_control.store import redis_keys

_TRIMMED = "trimmed:"


@dataclass(frozen=True)
class KnownTime:
    """The high-water marks; what a writer or run did until then need not be known."""

    writers: float
    runs: float
    trimmed: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, client: Redis) -> Self | None:
        """Read the marks; None if there are none, because nothing was ever anchored."""
        stored = cast("dict[str, str]", client.hgetall(redis_keys.KNOWN_SINCE))
        if "writers" not in stored:
            return None
        seconds, _ = client.time()
        kept_since = seconds - float(stored["retention"]) if "retention" in stored else 0.0
        trimmed = {
            name.removeprefix(_TRIMMED): float(text)
            for name, text in stored.items()
            if name.startswith(_TRIMMED)
        }
        return cls(float(stored["writers"]), max(float(stored["runs"]), kept_since), trimmed)

    def of_task(self, task_id: str) -> float:
        """Until when the runs of a task need not be known."""
        return max(self.runs, self.trimmed.get(redis_keys.task_runs(task_id), 0.0))


def begin_known_time(client: Redis, at: int) -> None:
    """Begin the marks, unless they are there; `client` may be a pipeline."""
    for name in ("writers", "runs"):
        client.hsetnx(redis_keys.KNOWN_SINCE, name, str(at))


def forget_writers_before(client: Redis, at: int) -> None:
    """Raise the mark of the writers: some that wrote until then are forgotten; `client` may be a pipeline."""
    client.hset(redis_keys.KNOWN_SINCE, "writers", str(at))
