"""The installation that a command works on; errors of its Redis are explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation


@contextmanager
def current(joining: Callable[[], AbstractContextManager[None]] = nullcontext) -> Iterator[Installation]:
    """Yield the installation that the environment describes.

    An embedded server is joined or started inside `joining()`.

    Raises:
        SettingsError: the environment describes none.
        StoreUnavailableError: Redis cannot be reached or refuses.
    """
    from mission_control.installation.installation import current_installation
    from mission_control.store.connection import store_errors

    installation = current_installation()
    with joining():
        url = installation.redis_url
    with store_errors(url):
        yield installation
