"""The installation that a command works on; errors of its Redis are explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mission_control.cli.terminal.failures import CommandError, ExitCode

if TYPE_CHECKING:
    from mission_control.configuration.settings import Settings
    from mission_control.installation.installation import Installation


@contextmanager
def current(
    *,
    sets_up: bool = False,
    dry_run: bool = False,
) -> Iterator[Installation]:
    """Yield the installation that the environment describes.

    Only a command that `sets_up` may found an installation; a dry run of it works on an empty one that
    leaves nothing behind.

    Raises:
        SettingsError: the environment describes none.
        StoreUnavailableError: Redis cannot be reached or refuses.
        CommandError: there is no installation.
        UnsafePathError: another user could change the data directory.
    """
    from mission_control.installation.installation import current_installation
    from mission_control.safe_paths.paths import require_safe
    from mission_control.store.connection import store_errors

    installation = current_installation()
    require_safe(installation.settings.data_dir)
    with ExitStack() as stack:
        if not is_set_up(installation.settings):
            if not sets_up:
                raise _nothing_in(installation.settings.data_dir)
            if dry_run:
                installation = stack.enter_context(_empty_installation(installation.settings))
        with store_errors(installation.redis_url):
            yield installation


@contextmanager
def _empty_installation(settings: Settings) -> Iterator[Installation]:
    """Yield an installation with these settings on a server of its own, which is removed with its data."""
    from msgspec.structs import replace

    from mission_control.installation.installation import Installation
    from mission_control.store.embedded.embedded_server import join_embedded_server

    with TemporaryDirectory(prefix="mission-control-") as folder:
        server = join_embedded_server(Path(folder))
        try:
            yield Installation(replace(settings, redis_url=server.url))
        finally:
            server.leave()


def is_configured(settings: Settings) -> bool:
    """Return whether the Redis is configured, not managed."""
    return bool((settings.redis_url or "").strip())


def is_kept_up(settings: Settings) -> bool:
    """Return whether the Redis outlives this command: it is configured, or another process uses it."""
    from mission_control.store.embedded.embedded_server import FOLDER
    from mission_control.store.embedded.locks import has_server

    return is_configured(settings) or (is_set_up(settings) and has_server(settings.data_dir / FOLDER))


def is_set_up(settings: Settings) -> bool:
    """Return whether there is an installation: its Redis is configured, or was started in its folder."""
    from mission_control.store.embedded.embedded_server import FOLDER

    return is_configured(settings) or (settings.data_dir / FOLDER).is_dir()


def _nothing_in(data_dir: Path) -> CommandError:
    ways = (
        "start one with `mission-control up`, name another data directory with --data-dir (-C), or name its "
        "Redis in MISSION_CONTROL_REDIS_URL"
    )
    return CommandError(f"there is no installation in {data_dir.absolute()}: {ways}", ExitCode.UNREACHABLE)
