"""Whether a tool looks at each message as it is made."""

import kombu
from celery import Celery
from celery.signals import after_task_publish, before_task_publish


def is_traced() -> bool:
    """Whether a tool wants to see each message as it is made.

    It says so by listening to Celery's signals (as OpenTelemetry does), or by putting a function of its own
    in place of one that Celery or kombu defines (as Sentry and others do).
    """
    if before_task_publish.receivers or after_task_publish.receivers:
        return True
    return is_replaced(Celery.send_task, "celery.app.base") or is_replaced(
        kombu.Producer.publish, "kombu.messaging"
    )


def is_replaced(function: object, module: str) -> bool:
    """Whether a function of a library's module is another's."""
    # A wrapper that takes over the module's name says what it wraps.
    return hasattr(function, "__wrapped__") or getattr(function, "__module__", None) != module
