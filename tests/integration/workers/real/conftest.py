"""A real beat and a real worker, shared by the tests of this folder, and handlers that misbehave."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from celery import Celery

from mission_control.configuration.settings import Secret
from tests.samples.conditions import CONDITIONS
from tests.samples.coroutines import COROUTINES
from tests.stage.live_installation import LiveInstallation, live_installation

if TYPE_CHECKING:
    from collections.abc import Iterator


HANDLERS = {
    "rude": '''
        """Handlers that do what no handler should."""
        import ctypes, os, signal, sys, time


        def swallow_once(context):
            """Go on at the first attempt, whatever is raised."""
            while context["attempt"] == 1:
                try:
                    time.sleep(0.05)
                except BaseException:
                    pass
            return {"status": "success", "output": None, "error": None}


        def slow(context):
            """Sleep until the time is up."""
            time.sleep(60)


        def slow_once(context):
            """Sleep too long at the first attempt."""
            if context["attempt"] == 1:
                time.sleep(60)
            return {"status": "success", "output": context["attempt"], "error": None}


        def kill_once(context):
            """Kill its own process at the first attempt."""
            if context["attempt"] == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return {"status": "success", "output": "survived", "error": None}


        def kill(context):
            """Kill its own process."""
            os.kill(os.getpid(), signal.SIGKILL)


        def leave(context):
            """Leave."""
            sys.exit(3)


        def hard_exit(context):
            """Leave without a word."""
            os._exit(4)


        def no_memory(context):
            """Want too much."""
            raise MemoryError("no room")


        class Mute(Exception):
            def __str__(self):
                raise RuntimeError("not even this")


        def mute(context):
            """Raise what cannot be shown."""
            raise Mute


        def surrogate(context):
            """Raise what UTF-8 cannot hold."""
            raise ValueError("half of a pair: \\udc80")


        def flood(context):
            """Raise an error of 5 MB."""
            raise ValueError("x" * 5_000_000)


        def interrupt(context):
            """Raise as Ctrl-C does."""
            raise KeyboardInterrupt


        RESULTS = {
            "nothing": None,
            "a list": [1],
            "wrong keys": {"status": "success", "result": 1},
            "wrong status": {"status": "ok", "output": None, "error": None},
            "wrong error": {"status": "failure", "output": None, "error": 3},
            "nan": {"status": "success", "output": {"ratio": float("nan")}, "error": None},
            "large": {"status": "success", "output": "x" * 5_000_000, "error": None},
            "object": {"status": "success", "output": object(), "error": None},
            "surrogate": {"status": "success", "output": "\\udc80", "error": None},
        }
        CYCLE = {"status": "success", "output": [], "error": None}
        CYCLE["output"].append(CYCLE["output"])
        RESULTS["cycle"] = CYCLE


        def result(context):
            """Return what the params name."""
            return RESULTS[context["params"]["name"]]


        def secret(context):
            """Return a secret."""
            output = {"password": "hunter2", "text": "token=abcdef123456", "params": context["params"]}
            return {"status": "success", "output": output, "error": None}
    ''',
    "talkative": '''
        """A handler with a lot to say."""
        import logging, os, signal, sys

        logger = logging.getLogger("the.handler")


        def run(context):
            """Fail at the first attempt, be killed at the second, and end at the third."""
            print("attempt", context["attempt"], "begins")
            if context["attempt"] == 1:
                print("to stderr: password=hunter2", file=sys.stderr)
                logger.warning("logged %d%%", 50)
                fail()
            if context["attempt"] == 2:
                print("last words")
                print("and half a line", end="", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            print("x" * 10_000_000)
            print("\\x1b[31mred \\udc80")
            sys.stdout.buffer.write(b"caf\\xe9\\n")
            logger.info("a record %s whose arguments do not fit", "x", "y")
            return {"status": "success", "output": None, "error": None}


        def fail():
            raise ValueError("the handler's own mistake")


        def broken(context):
            """Fail."""
            fail()


        def forging(context):
            """Print, log and raise what looks like a record of the worker's log."""
            forged = "no\\n[2026-03-01 09:00:00,123: ERROR/MainProcess] forged\\x1b[2J"
            print(forged)
            logger.warning("%s", forged)
            raise ValueError(forged)


        def flood(context):
            """Print more lines than are kept."""
            for number in range(1_500):
                print("line", number)
            return {"status": "success", "output": None, "error": None}
    ''',
    "broken": '''
        """A module that does not import."""
        import a_package_that_is_not_there


        def run(context):
            """Never run."""
    ''',
    "imports": '''
        """Handlers that look at their process."""
        import sys


        def run(context):
            """Return which of the modules in the params the worker has imported."""
            output = sorted(set(context["params"]["names"]) & set(sys.modules))
            return {"status": "success", "output": output, "error": None}
    ''',
    "conditions": CONDITIONS,
    "coroutines": COROUTINES,
    "long": '''
        """A handler that takes its time."""
        import time


        def run(context):
            """Sleep for a minute."""
            time.sleep(60)
    ''',
}


@pytest.fixture(scope="session")
def live() -> Iterator[LiveInstallation]:
    """One beat and one worker for all tests of this folder, with the handlers above."""
    notify = (("nas", Secret("json://127.0.0.2:9")),)
    with live_installation(
        HANDLERS, queues=("default", "mail"), outbound_allow=("127.0.0.3",), notify=notify
    ) as live:
        yield live


@pytest.fixture
def bare_client(live: LiveInstallation) -> Iterator[Celery]:
    """A Celery client that has never heard of Mission Control."""
    with closing(Celery("bare", broker=live.server.url, set_as_current=False)) as client:
        yield client
