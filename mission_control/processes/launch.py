"""Start one of our processes: `python -P launch.py MODULE …` is `python -m MODULE …` with our packages first.

The standard library, our packages and the installed ones come before whatever lies in the working folder or
on PYTHONPATH; handlers still import the user's own packages from there. And only what we set counts: Celery's
variables belong to other programs, and so do signals that the starting program has blocked or ignores.
"""

import os
import signal
import site
import sys
from contextlib import suppress
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[2])
_STANDARD = str(Path(os.__file__).parent)
_INHERITED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD)


def launched(module: str) -> list[str]:
    """Return the command line that starts a module like this; its arguments follow."""
    from mission_control.store.interpreter import interpreter

    return [interpreter(), "-P", __file__, module]


def put_our_packages_first() -> None:
    """Rearrange `sys.path` of this process; the working folder becomes the last, if it is not on it."""
    places = [str(Path(place).absolute()) for place in sys.path if place]
    with suppress(FileNotFoundError):  # a working folder that was removed
        places.append(str(Path.cwd()))
    sys.path[:] = sorted(dict.fromkeys([*places, OURS]), key=_rank)


def _rank(place: str) -> int:
    """Return 0 for the standard library, 1 for us, 2 for installed packages, 3 for anything else."""
    if place in {_STANDARD, f"{_STANDARD}/lib-dynload"}:
        return 0
    if place == OURS:
        return 1
    return 2 if place in {*site.getsitepackages(), site.getusersitepackages()} else 3


def _forget_inherited_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in _INHERITED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _main(module: str, arguments: list[str]) -> None:
    _forget_inherited_signals()
    put_our_packages_first()
    if module == "celery":
        from celery.bin.celery import celery

        for option in celery.params:
            option.envvar = None  # APP, BROKER_URL, LOADER, WORKDIR …
        celery.main(arguments, prog_name="celery", auto_envvar_prefix=None)
    import runpy

    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
