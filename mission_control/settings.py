"""The settings: environment variables `MISSION_CONTROL_*`, read once and passed down."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mission_control.definitions.zones import zone_problem
from mission_control.errors import SettingsError

PREFIX = "MISSION_CONTROL_"
NOTIFY_PREFIX = f"{PREFIX}NOTIFY_"


class Settings(BaseSettings):
    """Everything an operator can set; immutable and hashable.

    Build it with `read_settings()`, which turns a wrong value into a `SettingsError` that names the
    environment variable.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    redis_url: str | None = None
    data_dir: Path = Path("./data")
    timezone: str = "UTC"
    handlers: Annotated[tuple[Path, ...], NoDecode] = (Path("./handlers"),)
    tasks_file: Path | None = None
    queues: Annotated[tuple[str, ...], NoDecode] = ("default",)
    visibility_seconds: int = Field(default=60, ge=5, le=86_400)
    leader_seconds: int = Field(default=15, ge=1, le=3_600)
    retention_days: int = Field(default=30, ge=1, le=3_650)
    retention_runs: int = Field(default=1_000, ge=1, le=1_000_000)
    signing_key: SecretStr | None = None
    allow_plain_producers: bool = True
    allow_eviction: bool = False
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8800, ge=1, le=65_535)
    web_token: SecretStr | None = None
    notify: tuple[tuple[str, SecretStr], ...] = ()

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        problem = zone_problem(value)
        if problem is not None:
            raise ValueError(problem)
        return value

    @field_validator("handlers", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return _split(value, os.pathsep)

    @field_validator("queues", mode="before")
    @classmethod
    def _split_queues(cls, value: object) -> object:
        return _split(value, ",")

    @property
    def retention(self) -> timedelta:
        """How long finished runs stay in the ledger."""
        return timedelta(days=self.retention_days)

    @property
    def task_execution_log(self) -> Path:
        """The audit stream of runs."""
        return self.data_dir / "logs" / "task_execution.jsonl"

    @property
    def task_changes_log(self) -> Path:
        """The audit stream of changes to tasks."""
        return self.data_dir / "logs" / "task_changes.jsonl"

    @property
    def default_tasks_file(self) -> Path:
        """The task file that is loaded when none is named."""
        return (
            self.tasks_file
            if self.tasks_file is not None
            else self.data_dir / "tasks" / "scheduled_tasks.json"
        )

    def environment(self) -> dict[str, str]:
        """Return the variables that make `read_settings` return these settings in a child process.

        What is not set here is empty, which counts as not set, whatever this process's own variables say.
        """
        inherited = dict.fromkeys((name for name in os.environ if name.startswith(NOTIFY_PREFIX)), "")
        notify = {f"{NOTIFY_PREFIX}{name.upper()}": url.get_secret_value() for name, url in self.notify}
        own = {f"{PREFIX}{name.upper()}": self._text(name) for name in SETTINGS_IN_ENVIRONMENT}
        return {**inherited, **notify, **own}

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        if value is None:
            return ""
        if name == "handlers":
            return os.pathsep.join(str(path) for path in value)
        if name == "queues":
            return ",".join(value)
        return value.get_secret_value() if isinstance(value, SecretStr) else str(value)

    def channel(self, name: str) -> str | None:
        """Return the Apprise URL of a notification channel, or None where none is configured."""
        return next((url.get_secret_value() for key, url in self.notify if key == name.lower()), None)


SETTINGS_IN_ENVIRONMENT = tuple(name for name in Settings.model_fields if name != "notify")


def read_settings(**overrides: Any) -> Settings:  # noqa: ANN401  # values are checked by the model
    """Read the settings from the environment.

    `overrides` take precedence over the environment; tests and embedding programs use them.

    Raises:
        SettingsError: names each variable whose value cannot be used, and why.
    """
    notify = tuple(
        (name.removeprefix(NOTIFY_PREFIX).lower(), SecretStr(url))
        for name, url in sorted(os.environ.items())
        if name.startswith(NOTIFY_PREFIX) and url
    )
    try:
        return Settings(**{"notify": notify, **overrides})
    except ValidationError as error:
        lines = [_describe(dict(one)) for one in error.errors()]
        raise SettingsError("\n".join(["settings that cannot be used:", *lines])) from error


def _split(value: object, separator: str) -> object:
    if not isinstance(value, str):
        return value
    if value.startswith("["):
        return json.loads(value)
    return tuple(part for part in (piece.strip() for piece in value.split(separator)) if part)


def _describe(error: dict[str, Any]) -> str:
    name = PREFIX + str(error["loc"][0]).upper()
    return f"  {name}: {error['msg']} (it is {error['input']!r})"
