"""What beats and workers import, but for their applications: importing one builds it."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import beat
import workers

APPLICATIONS = {"beat.app", "workers.app"}
IMPORTED_LATE = [
    "billiard.popen_fork",
    "billiard.sharedctypes",
    "billiard.synchronize",
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.bin.beat",
    "celery.bin.worker",
    "celery.concurrency.prefork",
    "celery.concurrency.solo",
    "celery.concurrency.thread",
    "celery.events.dispatcher",
    "celery.events.receiver",
    "celery.events.state",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "encodings.idna",
    "getpass",
    "kombu.transport.redis",
    "mission_control.files.data_file",
    "mission_control.messaging.celery_config",
    "mission_control.messaging.celery_logging",
    "mission_control.messaging.transport.connection",
    "mission_control.messaging.transport.reliable_transport",
    "packaging.version",
]

for package in (beat, workers):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name not in APPLICATIONS:
            import_module(module.name)
for name in IMPORTED_LATE:
    import_module(name)
