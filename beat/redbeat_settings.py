"""RedBeat's settings in somebody's own application: those that would leave entries unseen are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.connection import parse_url

from mission_control import redis_keys
from mission_control.errors import SettingsError
from mission_control.url_spelling import VARIABLE, client_url, mask_password

if TYPE_CHECKING:
    from celery import Celery

    from mission_control.installation import Installation


def check_redbeat_settings(app: Celery, installation: Installation) -> None:
    """Check that RedBeat, as `app` configures it, keeps its entries where this beat looks for them.

    Raises:
        SettingsError: it does not; such entries would never fire, and nobody would be told.
    """
    conf = app.redbeat_conf
    if conf.key_prefix != redis_keys.REDBEAT_PREFIX:
        raise SettingsError(
            f"redbeat_key_prefix is {conf.key_prefix!r}: this beat fires entries under "
            f"{redis_keys.REDBEAT_PREFIX!r} only; unset it, and save the entries anew"
        )
    if _place(conf.redis_url) != _place(installation.redis_url):
        raise SettingsError(
            f"RedBeat's entries are in {mask_password(str(conf.redis_url))} (redbeat_redis_url, or else the "
            f"broker), the tasks in {mask_password(installation.redis_url)} ({VARIABLE}); let both be one"
        )


def _place(url: str) -> tuple[Any, ...]:
    """Return which server and database a URL names, whoever logs in and how."""
    try:
        found: dict[str, Any] = dict(parse_url(client_url(url)))  # type: ignore[no-untyped-call]
    except (SettingsError, ValueError):
        return (url,)
    host = found.get("host", "localhost")
    return (
        "127.0.0.1" if host == "localhost" else host,
        found.get("port", 6379),
        found.get("path"),
        found.get("db", 0),
    )
