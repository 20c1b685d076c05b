"""The event loop of one handler that is an `async def`.

An interruption reaches the coroutine where it awaits, as `CancelledError`. Code that does not let the loop
go on for a second gets the exception that a plain handler gets.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded

from mission_control.events import events
from workers.call.pool_signals import Interruptible, raise_in

GRACE_SECONDS: Final = 5.0
"""How long tasks that a handler leaves behind may clean up after they are cancelled."""

_BLOCKED_SECONDS: Final = 1.0


def run_to_end(coroutine: Coroutine[Any, Any, Any], stay: Interruptible) -> Any:  # noqa: ANN401  # it is judged
    """Run a handler's coroutine on an event loop of its own, and return its result.

    Guarantees: when this returns or raises, the coroutine is over, its tasks were cancelled and awaited for
    up to `GRACE_SECONDS`, and the loop is closed. Does not guarantee that threads of `asyncio.to_thread` are
    over.

    Raises:
        BaseException: what the coroutine raised, or what `stay` was interrupted with.
    """
    own = _OwnLoop(coroutine, stay)
    if not _is_in_a_loop():
        return own.run()
    with ThreadPoolExecutor(1) as thread:  # an async program runs the task, and has a loop on this thread
        try:
            return thread.submit(own.run).result()
        except BaseException:
            own.interrupt(KeyboardInterrupt)  # unless it is over
            raise


class _OwnLoop:
    def __init__(self, coroutine: Coroutine[Any, Any, Any], stay: Interruptible) -> None:
        self._reason: type[BaseException] | None = None
        self._is_open, self._is_cancelled, self._is_blocked = True, False, False
        self._main: asyncio.Task[Any] | None = None
        stay.instead = self.interrupt
        self._coroutine, self._context = coroutine, copy_context()
        self._uses_signal = stay.uses_signal
        self._thread = 0

    def run(self) -> Any:  # noqa: ANN401
        self._thread, self._loop = threading.get_ident(), asyncio.new_event_loop()
        self._main = self._loop.create_task(self._coroutine, context=self._context)
        if self._reason is not None:  # it was interrupted before it began
            self._cancel()
        try:
            return self._loop.run_until_complete(self._main)
        except (asyncio.CancelledError, BaseExceptionGroup) as error:
            if self._reason is None:
                raise
            raise self._reason().with_traceback(error.__traceback__) from None
        finally:
            self._is_open = False
            self._close(self._main)

    def interrupt(self, reason: type[BaseException]) -> None:
        """Stop the coroutine, from any thread, or in a signal handler of the loop's own thread.

        An exception raised on top of the loop's own code could lose the step of a task. So the loop cancels
        the coroutine. Only if it does not come to that within a second is the exception raised.
        """
        self._reason = reason if self._reason is None else self._reason
        if not self._is_open or self._main is None:
            return
        with suppress(RuntimeError):  # the loop was closed in the meantime
            self._loop.call_soon_threadsafe(self._cancel)
        if threading.get_ident() != self._thread:
            blocked = threading.Timer(_BLOCKED_SECONDS, self._break_in)
            blocked.daemon = True
            blocked.start()
        elif self._is_blocked and not self._is_cancelled and asyncio.current_task(self._loop) is not None:
            self._is_cancelled = asyncio.current_task(self._loop) is self._main
            raise self._reason

    def _cancel(self) -> None:
        if not self._is_cancelled and self._main is not None:
            self._is_cancelled = True
            self._main.cancel(_message(self._reason))

    def _break_in(self) -> None:
        if not self._is_open or self._is_cancelled or self._reason is None:
            return
        self._is_blocked = True
        if self._uses_signal:
            signal.pthread_kill(self._thread, signal.SIGUSR1)
        else:
            raise_in(self._thread, self._reason)

    def _close(self, main: asyncio.Task[Any]) -> None:
        try:
            self._loop.run_until_complete(self._end_tasks(main))
        finally:
            self._loop.close()

    async def _end_tasks(self, main: asyncio.Task[Any]) -> None:
        until = self._loop.time() + GRACE_SECONDS
        if not main.done():  # an exception has left the loop, such as the `SystemExit` of a SIGTERM
            await self._end({main}, until)
        left = await self._end(asyncio.all_tasks() - {asyncio.current_task()}, until)
        if left:
            events.handler_tasks_abandoned([one.get_name() for one in left])
        with suppress(TimeoutError):
            await asyncio.wait_for(self._loop.shutdown_asyncgens(), GRACE_SECONDS)

    async def _end(self, tasks: set[asyncio.Task[Any]], until: float) -> set[asyncio.Task[Any]]:
        """Cancel tasks, and return those that are not over in time."""
        if not tasks:
            return tasks
        for one in tasks:
            one.cancel(_message(self._reason))
        ended, left = await asyncio.wait(tasks, timeout=until - self._loop.time())
        for error in (one.exception() for one in ended if not one.cancelled()):
            if error is not None:
                what = {"message": "a task failed after the handler's end", "exception": error}
                self._loop.call_exception_handler(what)
        return left


def _message(reason: type[BaseException] | None) -> str:
    """Return what tells a cancelled coroutine why, as the text of its `CancelledError`."""
    if reason is None:
        return "the handler is over"
    return "timeout_seconds are over" if reason is SoftTimeLimitExceeded else "the run is stopped"


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
