"""What one run leaves behind in its process does not reach the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.stage.live_installation import LiveInstallation, live_installation

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "untidy": '''
        """Handlers that change their process, and one that says what it finds."""
        import locale, logging, multiprocessing, os, signal, socket, subprocess, sys, time, warnings


        def spoil(context):
            """Change whatever belongs to the whole process."""
            signal.alarm(1)
            signal.signal(signal.SIGALRM, lambda *_: os._exit(9))
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
            os.chdir("/")
            os.umask(0o777)
            os.environ["LEFT_BEHIND"] = "yes"
            os.environ.pop("PATH")
            socket.setdefaulttimeout(0.001)
            warnings.simplefilter("error")
            logging.disable(logging.CRITICAL)
            logging.getLogger().setLevel(logging.CRITICAL)
            logging.getLogger("mission_control").disabled = True
            locale.setlocale(locale.LC_ALL, "C.UTF-8")
            sys.path.insert(0, "/left/behind")
            sys.stdout = None
            sys.setrecursionlimit(100)
            return {"status": "success", "output": os.getpid(), "error": None}


        def look(context):
            """Say what can be changed."""
            mask = os.umask(0)
            os.umask(mask)
            found = {
                "alarm": signal.getitimer(signal.ITIMER_REAL)[0],
                "handlers": str([signal.getsignal(one) for one in (signal.SIGALRM, signal.SIGTERM)]),
                "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
                "cwd": os.getcwd(),
                "umask": mask,
                "environment": [os.environ.get("LEFT_BEHIND"), os.environ.get("PATH")],
                "timeout": socket.getdefaulttimeout(),
                "warnings": str(warnings.filters),
                "logging": [logging.root.manager.disable, logging.root.level],
                "disabled": logging.getLogger("mission_control").disabled,
                "locale": locale.setlocale(locale.LC_ALL),
                "path": sys.path[0],
                "stdout": sys.stdout is None,
                "recursion": sys.getrecursionlimit(),
            }
            return {"status": "success", "output": [os.getpid(), found], "error": None}


        def start(context):
            """Start processes, and do not wait for them."""
            program = [sys.executable, "-c", "import time; time.sleep(600)"]
            deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
            started = [
                subprocess.Popen(program),
                subprocess.Popen(program, start_new_session=True),
                subprocess.Popen([sys.executable, "-c", deaf]),
                subprocess.Popen(["sh", "-c", "sleep 600 & wait"]),
            ]
            if context["params"].get("hangs"):
                print("pids", *(one.pid for one in started), flush=True)
                time.sleep(600)
            return {"status": "success", "output": [one.pid for one in started], "error": None}


        def double(number):
            return 2 * number


        def count(context):
            """Use processes of its own."""
            with multiprocessing.get_context("fork").Pool(2) as pool:
                return {"status": "success", "output": pool.map(double, [1, 2, 3]), "error": None}
    ''',
}


@pytest.fixture(scope="module")
def untidy() -> Iterator[LiveInstallation]:
    with live_installation(HANDLERS, concurrency=1) as live:
        yield live


def output_of(live: LiveInstallation, handler: str, **params: Any) -> Any:
    record = live.ended(live.run(handler, params))
    assert record.state == "success", record.error
    return record.output


def test_process_is_for_the_next_run_as_the_last_one_found_it(untidy: LiveInstallation) -> None:
    pid, before = output_of(untidy, "handlers.untidy.look")
    assert output_of(untidy, "handlers.untidy.spoil") == pid
    assert output_of(untidy, "handlers.untidy.look") == [pid, before]


def test_processes_that_a_handler_has_started_end_with_it(untidy: LiveInstallation) -> None:
    pids = output_of(untidy, "handlers.untidy.start")
    assert len(pids) == 4
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_processes_of_a_handler_that_runs_out_of_time_end_with_it(untidy: LiveInstallation) -> None:
    policy = {"max_retries": 0}
    task_id = untidy.task("hangs", "handlers.untidy.start", timeout_seconds=2, retry_policy=policy)
    record = untidy.ended(untidy.run(task_id, {"hangs": True}))
    assert record.state == "timed_out"
    log = (untidy.folder / "data" / "logs" / "worker.log").read_text("utf-8")
    (line,) = [line for line in log.splitlines() if line.startswith("pids ")]
    assert not [pid for pid in map(int, line.split()[1:]) if psutil.pid_exists(pid)]


def test_handler_can_use_multiprocessing(untidy: LiveInstallation) -> None:
    assert output_of(untidy, "handlers.untidy.count") == [2, 4, 6]
