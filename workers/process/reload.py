"""`--reload`: handlers that are new, edited or gone take effect while the worker runs.

Their modules are imported again, and the pool's children are replaced: each ends after the run that it has in
hand, and gets no other. Modules outside the handler directories are not reloaded.
"""

import sys
from contextlib import suppress
from typing import Any, Final

from billiard.compat import setblocking
from celery import bootsteps
from celery.concurrency.prefork import TaskPool
from click import Option

from workers.tasks.handler_tasks import HandlerTasks

LOOK_EVERY_SECONDS: Final = 0.4

RELOAD_OPTION: Final = Option(
    ("--reload",), is_flag=True, help="Load handlers again when their files change."
)


class ReloadStep(bootsteps.StartStopStep):
    """Looks for changed handler files, and loads all handlers again once the files stay the same."""

    handlers: HandlerTasks

    requires = ("celery.worker.consumer:Tasks",)

    def __init__(self, parent: Any, reload: bool = False, **kwargs: Any) -> None:  # noqa: ANN401  # Celery's consumer
        super().__init__(parent, **kwargs)
        self.enabled = reload
        self._timer: Any = None
        self._seen = self.handlers.state
        self._retiring: list[Any] = []
        # A file that is edited twice within a second would be taken from its bytecode.
        sys.dont_write_bytecode = sys.dont_write_bytecode or reload

    def start(self, parent: Any) -> None:  # noqa: ANN401
        """Begin to look."""
        self._timer = parent.timer.call_repeatedly(LOOK_EVERY_SECONDS, self._look, (parent,))

    def stop(self, parent: Any) -> None:  # noqa: ANN401, ARG002
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    shutdown = stop

    def _look(self, parent: Any) -> None:  # noqa: ANN401
        self._retire(parent.pool)
        before, self._seen = self._seen, self.handlers.catalog.state()
        if self._seen == before and self._seen != self.handlers.state:  # no program is writing them
            self._reload(parent)

    def _reload(self, parent: Any) -> None:  # noqa: ANN401
        self.handlers.load()
        parent.update_strategies()
        if isinstance(parent.pool, TaskPool):
            inner: Any = parent.pool._pool  # noqa: SLF001  # no public attribute has its children
            self._retiring = [*inner._pool]  # noqa: SLF001
            self._retire(parent.pool)

    def _retire(self, pool: Any) -> None:  # noqa: ANN401
        self._retiring = [child for child in self._retiring if not _end_after_its_run(pool, child)]


def _end_after_its_run(pool: Any, child: Any) -> bool:  # noqa: ANN401  # Celery's pool and its process
    """Make a child end after the run that it has in hand; False if that must be tried again."""
    if child.inq._writer.closed:  # noqa: SLF001  # it has ended by itself; its descriptor may be another's now
        return True
    inner: Any = pool._pool  # noqa: SLF001  # no public attribute has it
    descriptor = child.inqW_fd
    inner._all_inqueues.discard(descriptor)  # noqa: SLF001  # so it gets no other run
    if descriptor in inner._active_writes:  # noqa: SLF001
        return False
    inner._busy_workers.discard(descriptor)  # noqa: SLF001  # compared with those that get runs
    with suppress(BrokenPipeError):  # it is ending by itself
        setblocking(child.inq._writer, True)  # noqa: SLF001
        child.inq.put(None)  # what the pool sends when it stops
    return True
