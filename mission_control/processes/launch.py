"""Start one of our processes: `python -P launch.py MODULE …` is `python -m MODULE …` with our packages first.

The standard library, our packages and the installed ones come before whatever lies in the working folder or
on PYTHONPATH; handlers still import the user's own packages from there. A working folder that another user
could change is left out. And only what we set counts: Celery's variables belong to other programs, and so do
signals that the starting program has blocked or ignores.
"""

import gc
import importlib
import os
import signal
import site
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import TextIOWrapper
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[2])
_PACKAGES = ("mission_control", "beat", "workers")
_OTHER = 2
_STANDARD = str(Path(os.__file__).parent)
_INHERITED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD)


def launched(module: str) -> list[str]:
    """Return the command line that starts a module like this; its arguments follow."""
    from mission_control.store.interpreter import interpreter

    return [interpreter(), "-P", __file__, module]


def put_our_packages_first() -> str | None:
    """Rearrange `sys.path` of this process, and return why the working folder is not on it, or None.

    The working folder becomes the last place, if no other user can change it.
    """
    folder = _working_folder()
    places = sorted(dict.fromkeys(str(Path(place).absolute()) for place in sys.path if place), key=_rank)
    sys.path[:] = [*(place for place in places if _rank(place) == 0), OURS]
    for package in _PACKAGES:  # what else lies next to them is not preferred to what is installed
        importlib.import_module(package)
    sys.path[:] = [place for place in places if place != folder or _rank(place) < _OTHER]
    if folder is None:
        return None
    from mission_control.safe_paths.paths import path_problem

    problem = path_problem(Path(folder))
    if problem is None:
        sys.path.append(folder)
    return problem


def _working_folder() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was removed
        return None


def _rank(place: str) -> int:
    """Return 0 for the standard library, 1 for installed packages, `_OTHER` for anything else."""
    if place in {_STANDARD, f"{_STANDARD}/lib-dynload"}:
        return 0
    return 1 if place in {*site.getsitepackages(), site.getusersitepackages()} else _OTHER


@contextmanager
def imported_for_good() -> Iterator[None]:
    """Import what stays as long as this process: it is not searched for garbage, neither now nor later.

    Searching it takes a sixth of the time in which a process starts, and later stops a process that is at
    work for a tenth of a second at a time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _forget_inherited_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in _INHERITED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def prefer_ours(arguments: list[str]) -> None:
    """Put our packages first, and keep Celery, whose `arguments` these are, from changing that."""
    problem = put_our_packages_first()
    from celery.utils import imports

    imports.cwd_in_path = nullcontext
    if problem is not None and "worker" in arguments:
        sys.stderr.write(f"modules in the working folder are not used: {problem}\n")


def _run_celery(arguments: list[str]) -> None:
    """Run `celery [--quiet] --app APP COMMAND …` without importing Celery's other commands and its plugins.

    They bring a terminal library and Flower, and would take a third of the time in which a worker starts.
    """
    before = arguments.index("--app")
    name, kind, *options = arguments[before + 1 :]
    with imported_for_good():
        from celery.app.utils import find_app
        from celery.bin.base import CLIContext

        app = find_app(name)
        command = getattr(importlib.import_module(f"celery.bin.{kind}"), kind)
    command.params.extend(app.user_options[kind])
    context = CLIContext(app, no_color=False, workdir=None, quiet="--quiet" in arguments[:before])
    command.main(options, prog_name=f"celery {kind}", obj=context)


def _main(module: str, arguments: list[str]) -> None:
    _forget_inherited_signals()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(
            line_buffering=True
        )  # a line is seen while its handler runs, and survives a kill
    if module == "celery":
        prefer_ours(arguments)
        _run_celery(arguments)
        return
    import runpy

    put_our_packages_first()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
