"""A task file that mirrors the registry, for example to keep tasks under version control."""

from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock
from redis.exceptions import RedisError

from mission_control.errors import MissionControlError
from mission_control.events import events
from mission_control.files.task_file import write_task_file
from mission_control.model.definitions.task import TaskDefinition


def mirror_into(path: Path, definitions: Callable[[], Iterable[TaskDefinition]]) -> None:
    """Write all registered tasks to `path`. Of several writers, the last one writes the newest state.

    The registry is the truth: if the mirror cannot be written, the error is logged and the change stands.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=10):
            write_task_file(path, definitions())
    except (MissionControlError, RedisError, OSError) as error:
        events.mirror_failed(path, error)
