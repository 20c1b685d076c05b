"""What beat ends for, at its start or later: going on would lose tasks without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from beat.eviction import EvictionPolicyError, check_eviction_policy
from beat.redbeat_settings import check_redbeat_settings
from mission_control.errors import SettingsError
from mission_control.prefix_in_use import claim_prefix

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.installation import Installation

REFUSALS: Final = (SettingsError, EvictionPolicyError)


def refuse_unsafe(app: Celery, installation: Installation) -> None:
    """Check that entries are looked for where they are, and that Redis keeps what it is given.

    Raises:
        SettingsError: the settings lead elsewhere, or others use this database with another prefix.
        EvictionPolicyError: Redis deletes keys when its memory runs out.
        RedisError: Redis cannot be asked.
    """
    check_redbeat_settings(app, installation)
    check_eviction_policy(installation.client, allow_eviction=installation.settings.allow_eviction)
    claim_prefix(installation.client, installation.redbeat_keys.prefix)
