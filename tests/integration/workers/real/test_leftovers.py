"""What one run leaves behind in its process does not reach the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.stage.live_installation import LiveInstallation, live_installation
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

HANDLERS = {
    "untidy": '''
        """Handlers that change their process, and one that says what it finds."""
        import locale, logging, multiprocessing, os, signal, socket
        import subprocess, sys, threading, time, warnings


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


        SEEN = []


        def fresh(context):
            """Leave behind what stays: globals, threads, processes."""
            context["once"]("asked")
            SEEN.append(context["attempt"])
            threading.Thread(target=time.sleep, args=(600,)).start()
            child = subprocess.Popen(["sleep", "600"])
            print("said by", os.getpid())
            if context["params"].get("hangs"):
                print("pids", child.pid, flush=True)
                time.sleep(600)
            if context["params"].get("dies"):
                os.kill(os.getpid(), signal.SIGKILL)
            if context["params"].get("raises"):
                raise LookupError("not there")
            found = [os.getpid(), child.pid, SEEN, threading.active_count(), context["once"]("asked")]
            return {"status": "success", "output": found, "error": None}


        def double(number):
            return 2 * number


        def count(context):
            """Use processes of its own."""
            with multiprocessing.get_context(context["params"]["method"]).Pool(2) as pool:
                return {"status": "success", "output": pool.map(double, [1, 2, 3]), "error": None}
    '''
}


def lives(pid: int) -> bool:
    """Whether a process is more than an entry that its parent has not read yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
    assert not [pid for pid in pids if lives(pid)]


def test_processes_of_a_handler_that_runs_out_of_time_end_with_it(untidy: LiveInstallation) -> None:
    policy = {"max_retries": 0}
    task_id = untidy.task("hangs", "handlers.untidy.start", timeout_seconds=2, retry_policy=policy)
    record = untidy.ended(untidy.run(task_id, {"hangs": True}))
    assert record.state == "timed_out"
    log = (untidy.folder / "data" / "logs" / "worker.log").read_text("utf-8")
    (line,) = [line for line in log.splitlines() if line.startswith("pids ")]
    assert not [pid for pid in map(int, line.split()[1:]) if lives(pid)]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])  # Python's default depends on its version
def test_handler_can_use_multiprocessing(untidy: LiveInstallation, method: str) -> None:
    assert output_of(untidy, "handlers.untidy.count", method=method) == [2, 4, 6]


def test_handler_in_a_process_of_its_own_can_use_multiprocessing(untidy: LiveInstallation) -> None:
    assert output_of(
        untidy, untidy.task("counts", "handlers.untidy.count", fresh_process=True), method="spawn"
    )


@pytest.fixture(scope="module")
def fresh_task(untidy: LiveInstallation) -> str:
    policy = {"max_retries": 0}
    return untidy.task(
        "fresh", "handlers.untidy.fresh", fresh_process=True, timeout_seconds=15, retry_policy=policy
    )


def test_fresh_process_is_of_one_run_and_ends_with_all_that_it_has_started(
    untidy: LiveInstallation, fresh_task: str
) -> None:
    pool_child, _ = output_of(untidy, "handlers.untidy.look")
    first, second = (output_of(untidy, fresh_task) for _ in range(2))
    assert len({pool_child, first[0], second[0]}) == 3
    for pid, child, seen, threads, is_first in (first, second):
        assert (seen, is_first) == ([1], False)
        assert threads == 3  # the main one, the watch of the worker, and that of this run
        assert not lives(pid)
        assert not lives(child)
    assert f"said by {first[0]}" in (untidy.folder / "data/logs/run_logs.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("params", "state", "error"),
    [
        ({"raises": True}, "failure", "LookupError: not there"),
        ({"dies": True}, "lost", "the handler's process died: signal 9"),
    ],
)
def test_fresh_process_that_fails_fails_its_run_as_any_other(
    untidy: LiveInstallation, fresh_task: str, params: dict[str, bool], state: str, error: str
) -> None:
    record = untidy.ended(untidy.run(fresh_task, params))
    assert (record.state, record.error) == (state, error)


def test_fresh_process_of_a_cancelled_run_ends(untidy: LiveInstallation, fresh_task: str) -> None:
    run = untidy.run(fresh_task, {"hangs": True})
    log = untidy.folder / "data" / "logs" / "worker.log"
    began = len(log.read_text("utf-8"))
    wait_until(lambda: "pids " in log.read_text("utf-8")[began:], "it hangs", timeout=20)
    child = int(log.read_text("utf-8")[began:].partition("pids ")[2].split()[0])
    untidy.installation.ledger.ask_to_cancel(run.execution_id, "enough")
    assert untidy.ended(run).state == "cancelled"
    assert not lives(child)
