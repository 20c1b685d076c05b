"""The channels of a notification: where they are set up, and how their secrets are kept out of words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mission_control.audit.record.masking import MASK
from mission_control.configuration.settings import NOTIFY_PREFIX

if TYPE_CHECKING:
    from mission_control.configuration.settings import Settings

_SEPARATORS = re.compile(r"[:/?#&=@,;\s]+")
# Shorter pieces of a URL are ports and words of everyday language.
_SHORTEST_SECRET = 4


def variable_of(channel: str) -> str:
    """Return the environment variable that sets a channel up.

    >>> variable_of("phone")
    'MISSION_CONTROL_NOTIFY_PHONE'
    """
    return f"{NOTIFY_PREFIX}{channel.upper()}"


def not_set_up(settings: Settings, channel: str) -> str:
    """Return why a channel without a URL cannot be used, and what to do about it."""
    others = ", ".join(sorted(name for name, _ in settings.notify))
    return (
        f"no notification channel {channel!r} is set up: set {variable_of(channel)} to an Apprise URL "
        f"where the workers run ({f'set up are: {others}' if others else 'none is set up'})"
    )


def without_secrets(text: str, url: str) -> str:
    """Return `text` with every piece of a channel's URL masked, for in any of them a token may stand.

    >>> without_secrets("Refused by example.org", "json://user:hunter2@example.org/token")
    'Refused by ***'
    """
    pieces = {piece for one in (url, unquote(url)) for piece in _SEPARATORS.split(one.partition("://")[2])}
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET:
            text = text.replace(piece, MASK)
    return text
