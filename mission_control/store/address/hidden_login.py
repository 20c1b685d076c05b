"""The login of a Redis URL, kept where neither a URL nor a list of settings shows it."""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from redis.connection import parse_url
from redis.credentials import UsernamePasswordCredentialProvider

_OF_KEY: Final = "ssl_password"


def hide_login(url: str) -> tuple[str, dict[str, Any]]:
    """Return a URL, as `client_url` spells it, without its login, and the login as redis-py's arguments.

    The arguments show user and password to redis-py alone. Celery masks the passphrase of a private key by
    its name.

    >>> hide_login("redis://127.0.0.1:6379/0?socket_timeout=3")
    ('redis://127.0.0.1:6379/0?socket_timeout=3', {})
    >>> bare, login = hide_login("unix://user:hunter2@/run/redis.sock?db=1")
    >>> bare, login["credential_provider"].get_credentials(), "hunter2" in str(login)
    ('unix:///run/redis.sock?db=1', ('user', 'hunter2'), False)
    """
    given: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]  # redis-py's
    login: dict[str, Any] = {}
    if given.get("password"):
        login["credential_provider"] = UsernamePasswordCredentialProvider(
            given.get("username"), given["password"]
        )
    if given.get(_OF_KEY):
        login[_OF_KEY] = given[_OF_KEY]
    return (_without_login(url), login) if login else (url, {})


def _without_login(url: str) -> str:
    place, _, query = url.partition("?")
    scheme, _, rest = place.partition("://")
    host, slash, path = rest.partition("/")
    options = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != _OF_KEY]
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}" + (
        f"?{urlencode(options)}" if options else ""
    )
