"""The settings: environment variables `MISSION_CONTROL_*`, read once and passed down.

This file has more than 250 lines because all settings, and how each is read, stand in one place.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct, convert
from msgspec.structs import fields

from mission_control.configuration.broker_address import broker_problem
from mission_control.errors import SettingsError
from mission_control.model.problems.suggestions import did_you_mean
from mission_control.model.values.durations import parse_duration
from mission_control.model.values.identifiers import is_key_of_kombu
from mission_control.model.values.zones import zone
from mission_control.signing.key_source import read_keyring, state_of_source
from mission_control.signing.keyring import NO_KEYS, Keyring
from mission_control.store.redis_keys import OURS, REDBEAT_PREFIX

PREFIX: Final = "MISSION_CONTROL_"
_SEEN: Final = (PREFIX.encode(), b"HOME")
_NOTIFY: Final = "NOTIFY_"
NOTIFY_PREFIX: Final = f"{PREFIX}{_NOTIFY}"
SUPERVISOR_VARIABLE: Final = f"{PREFIX}SUPERVISOR_PID"
_SEPARATORS: Final = {
    "handlers": os.pathsep,
    "queues": ",",
    "outbound_allow": ",",
    "secrets_allow": ",",
    "web_proxies": ",",
}
_DURATIONS: Final = ("least_interval", "visibility_seconds", "stop_grace_seconds", "leader_seconds")
_PATHS: Final = ("data_dir", "handlers", "tasks_file", "audit_key")
# May hold a password, so that an error must not quote them.
_SECRETS: Final = ("redis_url", "broker_url", "notify", "signing_key", "heartbeat_url", "account_command")
# What Kubernetes sets in every pod for a service called `mission-control` or `mission-control-…`.
_SERVICE_LINK: Final = re.compile(
    r"(.+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=.*"
    r"|(.+_)?PORT=(tcp|udp|sctp)://.*"
)
_NUMBER: Final = re.compile(r"-?[0-9.]+(e-?[0-9]+)?")
_WORDS: Final = {"yes": True, "on": True, "no": False, "off": False}


class Secret:
    """A URL or command with a password in it: shown as `**********`, while `reveal()` returns it."""

    HIDDEN: Final = "**********"

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return f"Secret({self.HIDDEN!r})"

    def __str__(self) -> str:
        return self.HIDDEN


class Settings(Struct, frozen=True, kw_only=True):
    """Everything an operator can set; immutable and hashable.

    Build it with `read_settings()`, which checks the values, makes paths absolute, and turns a wrong value
    into a `SettingsError` that names the environment variable.
    """

    redis_url: str | None = None
    broker_url: str | None = None
    data_dir: Path = Path("./data")
    timezone: str = "UTC"
    handlers: tuple[Path, ...] = (Path("./handlers"),)
    tasks_file: Path | None = None
    queues: tuple[str, ...] = ("default",)
    visibility_seconds: Annotated[int, Meta(ge=5, le=86_400)] = 60
    stop_grace_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 30
    leader_seconds: Annotated[int, Meta(ge=1, le=3_600)] = 15
    retention_days: Annotated[int, Meta(ge=1, le=3_650)] = 30
    retention_runs: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    log_format: Literal["text", "json"] = "text"
    least_interval: Annotated[float, Meta(ge=0.001, le=86_400)] = 0.1
    max_waiting_runs: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    run_log_lines: Annotated[int, Meta(ge=0, le=100_000)] = 1_000
    outbound_allow: tuple[str, ...] = ()
    heartbeat_url: Secret | None = None
    allow_plain_producers: bool = True
    signing_key: Keyring = NO_KEYS
    audit_key: Path | None = None
    account_command: Secret | None = None
    allow_remote_control: bool = False
    allow_eviction: bool = False
    secrets_allow: tuple[Annotated[str, Meta(pattern="^(env:.|file:/)")], ...] = ()
    redbeat_key_prefix: Annotated[str, Meta(pattern="^(?!mc:|mc?$)[A-Za-z0-9_.:-]+$")] = REDBEAT_PREFIX
    web_host: Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]+$")] = "127.0.0.1"
    web_proxies: tuple[str, ...] = ()
    web_user_header: Annotated[str, Meta(pattern="^[A-Za-z0-9-]+$")] = "X-Forwarded-User"
    web_port: Annotated[int, Meta(ge=0, le=65_535)] = 8800
    notify: tuple[tuple[str, Secret], ...] = ()

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
    def up_log(self) -> Path:
        """What a detached `up` and its processes say."""
        return self.data_dir / "logs" / "up.log"

    @property
    def run_logs(self) -> Path:
        """The logs of finished runs."""
        return self.data_dir / "logs" / "run_logs.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The signed checkpoints of the audit streams."""
        return self.data_dir / "logs" / "audit_checkpoints.jsonl"

    @property
    def default_tasks_file(self) -> Path:
        """The task file that is loaded when none is named."""
        return self.tasks_file or self.data_dir / "tasks" / "scheduled_tasks.json"

    def environment(self) -> dict[str, str]:
        """Return the variables that make `read_settings` return these settings in a child process.

        What is not set here is empty, which counts as not set, whatever this process's own variables say.
        """
        inherited = dict.fromkeys((name for name in os.environ if name.startswith(NOTIFY_PREFIX)), "")
        notify = {f"{NOTIFY_PREFIX}{name.upper()}": url.reveal() for name, url in self.notify}
        own = {f"{PREFIX}{name.upper()}": self._text(name) for name in SETTINGS_IN_ENVIRONMENT}
        return {**inherited, **notify, **own, f"{PREFIX}SIGNING_KEY": self.signing_key.source}

    def _text(self, name: str) -> str:
        value = getattr(self, name)
        if value is None:
            return ""
        if isinstance(value, Secret):
            return value.reveal()
        return _SEPARATORS[name].join(map(str, value)) if name in _SEPARATORS else str(value)


SETTINGS_IN_ENVIRONMENT: Final = tuple(name for name in Settings.__struct_fields__ if name != "notify")


def read_settings(**overrides: Any) -> Settings:  # noqa: ANN401  # values are checked
    """Read the settings from the environment; a variable that is empty counts as not set.

    `overrides` take precedence over the environment; tests and embedding programs use them. `~` is the
    user's home. A relative path begins in the folder in which this process first read its settings.

    Raises:
        SettingsError: names each variable that is no setting, or whose value cannot be used, and why.
        TypeError: an override is no setting.
    """
    if unknown := overrides.keys() - set(Settings.__struct_fields__):
        raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")
    variables = _variables()
    paths = {field.name: field.default for field in fields(Settings) if field.name in _PATHS}
    given = {**paths, "notify": _channels(variables), **_own(variables), **overrides}
    values: dict[str, Any] = {}
    problems = _unknown(variables)
    for field in fields(Settings):
        if field.name in given:
            try:
                values[field.name] = _value(field.name, field.type, given[field.name])
            except (ValueError, TypeError, RuntimeError) as error:
                shown = "" if field.name in _SECRETS else f" (it is {given[field.name]!r})"
                problems.append(f"  {PREFIX}{field.name.upper()}: {error}{shown}")
    if problems:
        raise SettingsError("\n".join(["settings that cannot be used:", *problems]))
    return Settings(**values)


def seen_by_settings() -> tuple[object, ...]:
    """Return all that `read_settings` looks at; while it is the same, so are the settings."""
    # As bytes, which need no decoding: each `enqueue` asks.
    names = [name for name in os.environb if name.startswith(_SEEN)]
    keys = os.environ.get(f"{PREFIX}SIGNING_KEY", "")
    return (*((name, os.environb.get(name)) for name in names), working_folder(), state_of_source(keys))


@cache
def working_folder() -> Path | None:
    """Return the folder in which this process first read its settings; a later `chdir` changes nothing.

    None if it was removed before.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _variables() -> dict[str, str]:
    """Return the variables that are ours and not empty, by their names without the prefix."""
    ours = {
        name.removeprefix(PREFIX): text
        for name, text in sorted(os.environ.items())
        if name.startswith(PREFIX) and text.strip() and name != SUPERVISOR_VARIABLE
    }
    return {name: text for name, text in ours.items() if not _SERVICE_LINK.fullmatch(f"{name}={text}")}


def _unknown(variables: Mapping[str, str]) -> list[str]:
    known = [name.upper() for name in SETTINGS_IN_ENVIRONMENT]
    return [
        f"  {PREFIX}{name}: there is no such setting{did_you_mean(name, known)} (correct or unset it)"
        for name in variables
        if name not in known and not name.startswith(_NOTIFY)
    ]


def _own(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: variables[name.upper()] for name in SETTINGS_IN_ENVIRONMENT if name.upper() in variables}


def _channels(variables: Mapping[str, str]) -> tuple[tuple[str, Secret], ...]:
    return tuple(
        (name.removeprefix(_NOTIFY).lower(), Secret(url))
        for name, url in variables.items()
        if name.startswith(_NOTIFY)
    )


def _value(name: str, kind: Any, given: Any) -> Any:  # noqa: ANN401  # any setting's
    """Return what a setting is, out of a variable's text or of what a program hands in."""
    if name == "signing_key":
        return given if isinstance(given, Keyring) else read_keyring(given)
    if isinstance(given, str):
        given = _taken_apart(name, kind, given)
    value = convert(given, kind, strict=False, dec_hook=_custom)
    if name == "timezone":
        zone(value)
    if name == "broker_url" and value is not None and (problem := broker_problem(value)) is not None:
        raise ValueError(problem)
    if name == "heartbeat_url" and value is not None and not is_web_address(value.reveal()):
        raise ValueError('it is no web address; write "https://…", as the monitor names it')
    others = (
        [one for one in value if is_key_of_kombu(one) or one.startswith(OURS)] if name == "queues" else []
    )
    if others:
        raise ValueError(f"{others[0]!r} is a key of Celery or Mission Control; give the queue another name")
    if name in {"outbound_allow", "web_proxies"} and value:
        from mission_control.model.values.addresses import parse_networks  # few installations need it

        parse_networks(value)
    if name not in _PATHS or value is None:
        return value
    return tuple(_placed(path) for path in value) if name == "handlers" else _placed(value)


def is_web_address(text: str) -> bool:
    """Return whether a text is the URL of a web server, spelled so that it can be called.

    >>> is_web_address("https://monitor.example/uuid"), is_web_address("monitor.example/uuid")
    (True, False)
    """
    try:
        parts = urlsplit(text)
        has_port = parts.port != 0  # an error if it is no number
    except ValueError:
        return False
    is_plain = text.isascii() and text.isprintable() and " " not in text and not parts.fragment
    return is_plain and has_port and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _placed(path: Path) -> Path:
    path, folder = path.expanduser(), working_folder()
    if not path.is_absolute() and folder is None:
        raise ValueError("the working folder has been removed: write an absolute path, or start in another")
    return path if folder is None else folder / path


def _taken_apart(name: str, kind: Any, text: str) -> Any:  # noqa: ANN401
    if name in _SEPARATORS:
        parts = (piece.strip() for piece in text.split(_SEPARATORS[name]))
        return json.loads(text) if text.startswith("[") else tuple(part for part in parts if part)
    if name in _DURATIONS and not _NUMBER.fullmatch(text):
        return parse_duration(text)
    return _WORDS.get(text.lower(), text) if kind is bool else text


def _custom(kind: type, given: Any) -> Any:  # noqa: ANN401  # msgspec's signature
    if isinstance(given, kind):
        return given
    if not isinstance(given, str):
        raise TypeError(f"Expected `str`, got `{type(given).__name__}`")
    return kind(given)
