"""Who is reported of what happens to a task, and which channels the workers have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis import Redis

from mission_control.errors import UnknownChannelError
from mission_control.model.definitions.task import TaskDefinition
from mission_control.model.policies.incidents import Incident
from mission_control.model.policies.notices import DEFAULT_CHANNEL
from mission_control.model.problems.suggestions import did_you_mean, quoted
from mission_control.processes.heartbeats import ProcessInfo
from mission_control.store import redis_keys

SET_UP = "set MISSION_CONTROL_NOTIFY_{} to an Apprise URL where beat and the workers run"


@dataclass(frozen=True)
class Reporting:
    """The reported events of a task, its channels, what is wrong with them, and its open incidents."""

    on: tuple[str, ...]
    to: tuple[str, ...]
    problems: list[str]
    incidents: Mapping[str, Incident]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        reported: dict[str, Any] = msgspec.to_builtins(
            {"on": self.on, "to": self.to, "problems": self.problems}
        )
        names = ("since", "count", "text", "run", "reported_at")
        incidents = [
            {"event": one.event, **{name: getattr(one, name) for name in names}}
            for one in self.incidents.values()
        ]
        return {**reported, "incidents": msgspec.to_builtins(incidents)}


def who_is_reported(client: Redis, task: TaskDefinition, alive: Iterable[ProcessInfo]) -> Reporting:
    """Return who is reported of a task's events, as its definition and the live workers have it."""
    known, notify = channels_of(alive), task.notify
    problems = [] if notify.on and notify.to else ["the task asks for no notifications"]
    problems += [
        f"no live worker has the channel {one}: {SET_UP.format(one.upper())}"
        for one in notify.channels
        if one not in known
    ]
    stored: Any = client.hget(redis_keys.INCIDENTS, task.id)
    return Reporting(notify.on, notify.channels, problems, _incidents(stored))


def channels_of(alive: Iterable[ProcessInfo]) -> list[str]:
    """Return the channels that live workers have, sorted."""
    return sorted({name for one in alive if one.kind == "worker" for name in one.info.get("channels", ())})


def known_channel(name: str, alive: Iterable[ProcessInfo]) -> str:
    """Return a channel as the live workers name it.

    Raises:
        UnknownChannelError: no live worker has it.
    """
    known, wanted = channels_of(alive), name.lower()
    if wanted in known:
        return wanted
    others = f"; they have: {', '.join(known)}" if known else "; they have none"
    nearest = did_you_mean(wanted, known)
    raise UnknownChannelError(
        f"no live worker has the channel {quoted(name)}{nearest}: {SET_UP.format('<CHANNEL>')}{others}"
    )


def notifications_json(alive: Sequence[ProcessInfo]) -> dict[str, Any]:
    """Return the channels of the live workers, and a warning if failures are sent to none by default."""
    channels, warning = channels_of(alive), None
    if DEFAULT_CHANNEL not in channels:
        warning = f"failures are only recorded; to have them sent, {SET_UP.format(DEFAULT_CHANNEL.upper())}"
    return {"channels": channels, "warning": warning}


def _incidents(text: str | None) -> dict[str, Incident]:
    try:
        return msgspec.json.decode(text, type=dict[str, Incident]) if text else {}
    except (msgspec.DecodeError, ValueError):  # another program wrote it
        return {}
