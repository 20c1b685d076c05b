"""Finds out who calls, before any route: by a token, by a header of a trusted proxy, or on this machine."""

from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mission_control.errors import GrantRefusedError, StoreUnavailableError
from mission_control.installation.installation import Installation
from mission_control.model.definitions.grant import Grant
from mission_control.model.values.addresses import Network, is_loopback, parse_networks
from mission_control.operate.grants.tokens import holder_of
from mission_control.registry.grants import Grants
from mission_control.store.connection import store_errors
from mission_control.web.access.caller import Caller
from mission_control.web.access.refusals import Refusals
from mission_control.web.problems import problem

_OPEN: Final = frozenset({"/healthz", "/readyz"})
_ASK: Final = {"WWW-Authenticate": 'Basic realm="Mission Control", charset="UTF-8"'}
_OF_PROXIES: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_CALLERS_KEPT: Final = 64


class Identification:
    """Answers 401 to callers that it does not know; the others are `request.state.caller`.

    `request.state.installation` is the installation in which they act. Where the server `is_open`, which is
    on a loopback address only, callers without a token are the user of this machine. They use a name of this
    machine: a page of another site whose name was made to lead here (DNS rebinding) reaches nothing.
    """

    def __init__(self, app: ASGIApp, *, installation: Installation, is_open: bool) -> None:
        self._app = app
        self._installation = installation
        self._is_open = is_open
        self._proxies = parse_networks(installation.settings.web_proxies)
        self._refusals = Refusals(installation)
        self._acting = lru_cache(_CALLERS_KEPT)(installation.acting_as)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            try:
                caller = await self._caller(Headers(scope=scope), (scope.get("client") or ("", 0))[0])
            except GrantRefusedError as error:
                await run_in_threadpool(self._refusals.unknown, str(error))
                await problem(401, "unauthorized", str(error), headers=_ASK)(scope, receive, send)
                return
            except StoreUnavailableError as error:
                await problem(503, "store_unavailable", str(error))(scope, receive, send)
                return
            if caller is None:
                said = "without a token this server is called directly, by a name of this machine"
                await problem(421, "misdirected_request", said)(scope, receive, send)
                return
            state = scope.setdefault("state", {})
            state["caller"], state["refusals"] = caller, self._refusals
            state["installation"] = self._acting(caller.name)
        await self._app(scope, receive, send)

    async def _caller(self, headers: Headers, address: str) -> Caller | None:
        token = token_in(headers.get("authorization"))
        is_proxied = is_in(address, self._proxies)
        user = headers.get(self._installation.settings.web_user_header)
        if token is not None and not (
            is_proxied and user
        ):  # a proxy may pass on the password that it asked for
            return await self._holder(lambda grants, now: holder_of(grants, token, now))
        if is_proxied:
            return await self._holder(lambda grants, now: _grant_of_user(grants, user, now))
        if not self._is_open:
            raise GrantRefusedError(
                "a token is needed: send it as `Authorization: Bearer …`, or as the password of any user; "
                "`mission-control grant create NAME --permissions read` prints one"
            )
        is_direct = is_loopback(_host_name(headers.get("host", ""))) and not any(
            one in headers for one in _OF_PROXIES
        )
        return Caller.of_this_machine(self._installation.who) if is_direct else None

    async def _holder(self, found: Callable[[Grants, datetime], Grant]) -> Caller:
        def holder() -> Caller:
            with store_errors(self._installation.redis_url):
                grant = found(self._installation.grants, self._installation.clock())
            if not grant.permissions:
                raise GrantRefusedError(
                    f"grant {grant.name} has no permissions here; it is for `mission-control mcp`"
                )
            return Caller.of(grant)

        return await run_in_threadpool(holder)


def _grant_of_user(grants: Grants, user: str | None, now: datetime) -> Grant:
    grant = grants.all().get(user or "")
    if grant is None or now >= grant.expires:
        raise GrantRefusedError(
            "the proxy names no user with a grant; `mission-control grant create USER --permissions read`"
        )
    return grant


def token_in(authorization: str | None) -> str | None:
    """Return the token in a header: of a program, or the password that a browser asks its user for.

    >>> token_in("Bearer mcg_1"), token_in("Basic YWRhOm1jZ18x"), token_in(None)
    ('mcg_1', 'mcg_1', None)
    """
    if authorization is None:
        return None
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        return rest.strip()
    try:
        return b64decode(rest, validate=True).decode().partition(":")[2]
    except (Error, UnicodeDecodeError):
        return ""


def is_in(address: str, networks: list[Network]) -> bool:
    """Return whether an address is in one of some networks.

    >>> is_in("10.1.2.3", parse_networks(["10.0.0.0/8"])), is_in("nowhere", [])
    (True, False)
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


def _host_name(host: str) -> str:
    """Return the name in a `Host` header, "" if it is none.

    >>> _host_name("[::1]:8800"), _host_name("[::1")
    ('::1', '')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
