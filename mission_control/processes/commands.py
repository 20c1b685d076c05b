"""The command lines of the processes. `mission_control` names beat and workers; it never imports them."""

import signal
from typing import Final

from mission_control.processes.launch import launched
from mission_control.processes.service_process import ServiceCommand

BEAT_APP: Final = "beat.app"
WORKER_APP: Final = "workers.app"
WEB: Final = "web"


def beat_command(log_level: str = "INFO") -> ServiceCommand:
    """Return how to start a beat."""
    return ServiceCommand("beat", [*_celery(BEAT_APP), "beat", "--loglevel", log_level, "--pidfile="])


def worker_command(
    name: str, *, concurrency: int | None = None, log_level: str = "INFO", reloads: bool = False
) -> ServiceCommand:
    """Return how to start a worker whose node is called `name`; it `reloads` handlers that change.

    SIGTERM lets handlers finish for as long as the settings say, SIGQUIT gives their runs back at once.
    """
    argv = [*_celery(WORKER_APP), "worker", "--loglevel", log_level, "--hostname", name]
    if concurrency is not None:
        argv += ["--concurrency", str(concurrency)]
    if reloads:
        argv.append("--reload")
    return ServiceCommand("worker", argv, at_once=signal.SIGQUIT)


def web_command(descriptor: int) -> ServiceCommand:
    """Return how to start the server of the page, on a socket that listens and that it inherits."""
    return ServiceCommand(WEB, [*launched("mission_control"), "web", "--fd", str(descriptor)])


def _celery(app: str) -> list[str]:
    return [*launched("celery"), "--quiet", "--app", app]  # without its banner
