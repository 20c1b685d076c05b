"""One installation of Mission Control: its settings and what is built from them, each part when needed.

This file has more than 250 lines because all parts are put together in it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis import Redis

from mission_control.audit.pending.pending_records import reported_log
from mission_control.audit.stream.log import AuditLog
from mission_control.configuration.clock import utc_now
from mission_control.configuration.settings import Settings, read_settings, seen_by_settings
from mission_control.errors import EmbeddedServerError, SettingsError, UnsafePathError
from mission_control.events.events import managed_server_revived
from mission_control.ledger.ledger import Ledger
from mission_control.registry.change_log import ChangeLog
from mission_control.registry.pauses import Breakers, Pauses
from mission_control.safe_paths.paths import require_safe
from mission_control.store.address.url_spelling import client_url
from mission_control.store.connection import connect
from mission_control.store.embedded.embedded_server import (
    EmbeddedServer,
    folder_of_joined,
    is_held,
    join_embedded_server,
)
from mission_control.store.redis_keys import RedBeatKeys

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.audit.stream.checkpoints import Checkpoints
    from mission_control.handler_catalog.catalog import HandlerCatalog
    from mission_control.ledger.backfills import Backfills
    from mission_control.messaging.produced_messages import ProducedMessages
    from mission_control.model.definitions.grant import Grant
    from mission_control.registry.budgets import Budgets
    from mission_control.registry.grants import Grants
    from mission_control.registry.limits import Limits
    from mission_control.registry.named_resources import NamedResources
    from mission_control.registry.occurrence_store import OccurrenceStore
    from mission_control.registry.registry import Registry
    from mission_control.registry.task_store import TaskStore


class Installation:
    """Where tasks are kept and recorded, according to `settings`.

    Nothing is opened before it is used; the first use of `redis_url` joins or starts the embedded
    server if no Redis is configured. Safe to share between threads and across a fork.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> None:
        self.settings = settings
        self.clock = clock
        self.actor: str | None = None

    def acting_as(self, actor: str) -> Installation:
        """Return the same installation, whose records say that `actor` made the changes."""
        other = Installation(self.settings, clock=self.clock)
        other.actor = actor
        for part in ("redis_url", "client", "ledger", "audit", "changes", "run_logs", "catalog", "celery"):
            other.__dict__[part] = getattr(self, part)
        return other

    @property
    def who(self) -> str:
        """Who changes something here: by default the user of this process."""
        return acting_user() if self.actor is None else self.actor

    @cached_property
    def redis_url(self) -> str:
        """The URL of Redis as redis-py and RedBeat spell it, the managed server's if none is configured.

        Raises:
            SettingsError: the configured URL cannot be used.
            EmbeddedServerError: the managed server could not be started or joined.
        """
        configured = self.settings.redis_url
        if configured is not None and configured.strip():
            return client_url(configured)
        return self._managed_server().url

    def _managed_server(self) -> EmbeddedServer:
        return join_embedded_server(self.settings.data_dir)

    @cached_property
    def client(self) -> Redis:
        """A client with bounded waits; it starts a managed server again that was killed."""
        url = self.redis_url
        folder = folder_of_joined(url)
        if folder is None:
            return connect(url)

        def revive() -> None:
            server = self._managed_server()
            managed_server_revived(server.directory)
            if server.url != url:
                raise EmbeddedServerError("another program took its port: start this program again")

        def enter() -> None:
            if not is_held(folder):  # in a daemon, which closes what it inherits
                self._managed_server()

        return connect(url, revive=revive, enter=enter)

    @cached_property
    def redbeat_keys(self) -> RedBeatKeys:
        """Where RedBeat keeps its entries."""
        return RedBeatKeys(self.settings.redbeat_key_prefix)

    @cached_property
    def ledger(self) -> Ledger:
        """The record of runs."""
        settings = self.settings
        return Ledger(
            self.client,
            retention=settings.retention,
            max_runs=settings.retention_runs,
            lease=timedelta(seconds=settings.visibility_seconds),
            redbeat_keys=self.redbeat_keys,
            keyring=settings.signing_key,
        )

    @cached_property
    def backfills(self) -> Backfills:
        """The backfills."""
        from mission_control.ledger.backfills import Backfills

        settings = self.settings
        return Backfills(self.client, retention=settings.retention, keyring=settings.signing_key)

    @cached_property
    def audit(self) -> AuditLog:
        """The audit stream of runs."""
        return self._log(self.settings.task_execution_log)

    @cached_property
    def changes(self) -> AuditLog:
        """The audit stream of changes to tasks."""
        return self._log(self.settings.task_changes_log)

    @cached_property
    def run_logs(self) -> AuditLog:
        """The file of finished runs' logs."""
        return self._log(self.settings.run_logs)

    @cached_property
    def checkpoints(self) -> Checkpoints | None:
        """The signed checkpoints of the audit streams; None without a key for them."""
        from mission_control.audit.stream.checkpoints import checkpoints_in

        return checkpoints_in(self.settings.checkpoints, self.settings.audit_key, self.client, self.clock)

    def _log(self, path: Path) -> AuditLog:
        def client() -> Redis | None:
            # Reporting a record is no reason to start a server: where one was needed, it is known.
            return self.client if "redis_url" in self.__dict__ else None

        return reported_log(path, client)

    @cached_property
    def catalog(self) -> HandlerCatalog:
        """The handlers in the directories that this process sees."""
        from mission_control.handler_catalog.catalog import catalog_from

        return catalog_from(self.settings.handlers)

    @cached_property
    def registry(self) -> Registry:
        """The tasks."""
        from mission_control.registry.task_store import TaskStore

        return self._registry_of(
            TaskStore(self.client, self.redbeat_keys, self.settings.signing_key), self.who
        )

    def granted_registry(self, grant: Grant, now: datetime, *, approved: str = "") -> Registry:
        """Return the tasks as a grant's holder changes them at `now`; `approved` is what an approval has."""
        from mission_control.registry.granted_tasks import GrantedTasks

        keys, keyring, end = self.redbeat_keys, self.settings.signing_key, grant.task_end(now)
        return self._registry_of(
            GrantedTasks(self.client, keys, keyring, grant=grant, expires=end, approved=approved), grant.owner
        )

    def _registry_of(self, store: TaskStore, actor: str) -> Registry:
        from mission_control.files.calendar_file import read_calendar
        from mission_control.registry.definition_check import DefinitionCheck
        from mission_control.registry.dependency_check import DependencyCheck
        from mission_control.registry.registry import Registry
        from mission_control.registry.waiting_runs import WaitingRuns

        check = DefinitionCheck(
            self.client,
            self.catalog,
            store,
            DependencyCheck(store),
            default_timezone=self.settings.timezone,
            shortest_interval=timedelta(seconds=self.settings.least_interval),
            read_text=read_calendar,
            clock=self.clock,
        )
        return Registry(
            store,
            ledger=self.ledger,
            runs=WaitingRuns(self.ledger, self.audit, self.clock),
            changes=ChangeLog(
                self.changes,
                actor=actor,
                mirror=None if self.settings.tasks_file is None else self._mirror_tasks,
            ),
            check=check,
            clock=self.clock,
        )

    @cached_property
    def pauses(self) -> Pauses:
        """The pauses."""
        return Pauses(self.client, ChangeLog(self.changes, actor=self.who), self.clock)

    @cached_property
    def limits(self) -> Limits:
        """The named limits."""
        from mission_control.registry.limits import Limits

        return Limits(self.client, self.registry.changes, self.registry.definitions, self.clock)

    @cached_property
    def budgets(self) -> Budgets:
        """The budgets."""
        from mission_control.registry.budgets import Budgets

        return Budgets(self.client, self.registry.changes, self.registry.definitions, self.clock)

    @property
    def resources(self) -> dict[str, NamedResources[Any]]:
        """Limits and budgets by their sections in a task file."""
        return {"limits": self.limits, "budgets": self.budgets}

    def all_resources(self) -> dict[str, dict[str, Any]]:
        """Return each of them, by section and name."""
        return {section: ours.all() for section, ours in self.resources.items()}

    @cached_property
    def grants(self) -> Grants:
        """The grants."""
        from mission_control.registry.grants import Grants

        return Grants(self.client, self.registry.changes, self.registry.definitions, self.clock)

    @cached_property
    def occurrences(self) -> OccurrenceStore:
        """The changes of single occurrences."""
        from mission_control.registry.occurrence_store import OccurrenceStore

        return OccurrenceStore(self.client, self.registry.changes, self.redbeat_keys, self.clock)

    @cached_property
    def breakers(self) -> Breakers:
        """The circuit breakers."""
        return Breakers(self.pauses, self.ledger, self.clock)

    def _mirror_tasks(self) -> None:
        from mission_control.files.task_file import mirror_into

        if self.settings.tasks_file is not None:
            mirror_into(self.settings.tasks_file, self.registry.definitions, self.all_resources)

    @cached_property
    def celery(self) -> Celery:
        """A Celery application for sending; it has no tasks of its own."""
        return create_app("mission_control", lambda: self)

    @cached_property
    def messages(self) -> ProducedMessages:
        """What makes the messages of runs that are entered here."""
        from mission_control.messaging.produced_messages import ProducedMessages

        settings = self.settings
        lasts = settings.retention.total_seconds()
        return ProducedMessages(self.celery, keyring=settings.signing_key, signed_for=lasts)

    def celery_configuration(self) -> dict[str, Any]:
        """Return the settings of every Celery application of this installation."""
        from mission_control.messaging.celery_config import celery_settings

        configured = celery_settings(self.settings, self.redis_url)
        # Messages are parked there, wherever the broker is; without it they wait in a worker's memory.
        options = configured["broker_transport_options"]
        options["ledger_client"] = lambda: self.client
        options["keyring"] = lambda: self.settings.signing_key  # not the keys: Celery shows its configuration
        return configured


def current_installation() -> Installation:
    """Return the installation that the environment describes now; the same one for the same settings."""
    return _described_by(seen_by_settings())


def installation_or_end(who: str) -> Installation:
    """Return the same for a process that writes records, or end that process, `who`, in one sentence.

    It ends if a setting cannot be used, or if another user could change the data directory.
    """
    try:
        installation = current_installation()
        require_safe(installation.settings.data_dir)
    except (SettingsError, UnsafePathError) as error:
        raise SystemExit(f"{who} ends: {error}") from error
    return installation


def create_app(main: str, installation: Callable[[], Installation] = current_installation) -> Celery:
    """Return a Celery application called `main`.

    Importing a module that calls this opens nothing and reads no environment: the installation is asked
    for when Celery first needs its configuration. It is at hand as `app.installation()`.
    """
    from mission_control.messaging.celery_config import OwnCelery

    app = OwnCelery(main)
    app.add_defaults(lambda: installation().celery_configuration())
    app.installation = installation
    return app


@lru_cache(maxsize=16)
def _described_by(_seen: object) -> Installation:
    return _installation(read_settings())


@lru_cache(maxsize=16)
def _installation(settings: Settings) -> Installation:
    return Installation(settings)


def acting_user() -> str:
    """Return the name of the user of this process, for records of who did something."""
    import getpass  # an idle beat records nothing

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user id need not have a name
        return "system"
