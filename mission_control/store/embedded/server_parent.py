"""The parent process of the managed server: a program that ends the server when its last user is gone.

`python -I -S server_parent.py USERS_LOCK SERVER_LOCK PROGRAM`, with the server's configuration on standard
input. It needs the standard library only. The kernel gives it the users' lock when no process uses the server
any longer, however the last one ended. If one of the two is killed, the other ends, too (on Linux at least).
"""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time

END_WITHIN_SECONDS = 10
SET_PARENT_DEATH_SIGNAL = 1


def main(users_lock: str, server_lock: int, program: str) -> None:
    """Start the server and wait for the end of the server or of its users."""
    if os.fork() != 0:
        os._exit(0)  # so that it is no child of the program that uses it, which may wait for its children
    # That program may have blocked or ignored signals.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    server = subprocess.Popen([program, "-"], pass_fds=(server_lock,), preexec_fn=end_with_parent)  # noqa: S603, PLW1509
    os.ftruncate(server_lock, 0)
    os.pwrite(server_lock, str(server.pid).encode(), 0)
    threading.Thread(target=lambda: os._exit(server.wait() and 1), daemon=True).start()
    fcntl.flock(os.open(users_lock, os.O_RDWR), fcntl.LOCK_EX)
    server.terminate()
    time.sleep(END_WITHIN_SECONDS)
    server.kill()
    server.wait()


def end_with_parent() -> None:
    """Have the kernel end the server in good order if its parent is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
