"""How a process notices that the process which started it has died."""

import os

from mission_control.configuration.settings import SUPERVISOR_VARIABLE


def is_orphaned() -> bool:
    """Whether this process was started by a supervisor that has died since.

    A supervisor that is killed cannot stop its children; they stop by themselves, so that nothing of an
    installation outlives it unseen.
    """
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    return supervisor is not None and supervisor != str(os.getppid())
