"""One HTTP call, bounded in time, bytes, redirects and destinations."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpcore
import httpx
import orjson
from pydantic import Field

from mission_control.model.values.addresses import Network
from mission_control.model.values.fields import FrozenModel
from mission_control.outbound.checked_network import CheckedNetwork

MOST_REDIRECTS: Final = 10
_MOST_BYTES: Final = 64 * 1024 * 1024
_OUR_HEADERS: Final = {"User-Agent": "mission-control", "Accept-Encoding": "identity"}
_OF_JSON: Final = {"Content-Type": "application/json"}
# The headers that a request needs; all others come from the caller and may contain a secret.
_KEPT_ACROSS_ORIGINS: Final = frozenset(
    {"host", "user-agent", "accept", "accept-encoding", "connection"}
    | {"content-type", "content-length", "transfer-encoding"}
)


class Call(FrozenModel):
    """What to call; `timeout_seconds` covers everything, redirects and reading included."""

    url: str
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: dict[str, str] = Field(default_factory=dict, max_length=100, repr=False)
    body: str | None = Field(default=None, repr=False)
    # A field cannot be called `json`, because pydantic's models have a method of that name.
    json_body: Any = Field(default=None, alias="json", repr=False)
    timeout_seconds: float = Field(default=30, gt=0, le=3_600)
    max_bytes: int = Field(default=1_048_576, ge=0, le=_MOST_BYTES)
    follow_redirects: bool = True

    @property
    def has_json(self) -> bool:
        """Whether `json` is given, be it null."""
        return "json_body" in self.model_fields_set


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer, with at most `max_bytes` of the body; `is_truncated` if there was more."""

    url: str
    status: int
    reason: str
    body: bytes
    text: str
    is_truncated: bool
    elapsed_ms: int
    location: str | None


def call(wanted: Call, *, allowed: Sequence[Network] = ()) -> Answer:
    """Make the call and return the answer, whatever its status.

    Guarantees: connects only to public addresses and to those `allowed`, also after a redirect; ignores
    proxies in the environment, which would connect elsewhere; sends the caller's own headers only to the
    origin of `wanted.url`.

    Raises:
        httpx.InvalidURL: `wanted.url` cannot be parsed.
        httpx.HTTPError: refused, unreachable, timed out, or not HTTP; the message says which.
    """
    began = time.monotonic()
    network = CheckedNetwork(allowed=allowed, seconds=wanted.timeout_seconds)
    timeout = httpx.Timeout(wanted.timeout_seconds)
    with httpx.Client(transport=_CheckedTransport(network), timeout=timeout, trust_env=False) as client:
        response = _final_response(client, wanted)
        try:
            body, is_truncated = _read(response, wanted.max_bytes)
        finally:
            response.close()
    return Answer(
        url=str(response.url),
        status=response.status_code,
        reason=response.reason_phrase,
        body=body,
        text=_text(response, body),
        is_truncated=is_truncated,
        elapsed_ms=round((time.monotonic() - began) * 1000),
        location=response.headers.get("location") if response.has_redirect_location else None,
    )


class _CheckedTransport(httpx.HTTPTransport):
    """httpx's own transport over our network, for which httpx has no parameter."""

    def __init__(self, network: CheckedNetwork) -> None:
        context = httpx.create_ssl_context()
        super().__init__(verify=context)
        self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=network)


def _final_response(client: httpx.Client, wanted: Call) -> httpx.Response:
    headers = httpx.Headers(_OUR_HEADERS | (_OF_JSON if wanted.has_json else {}))
    headers.update(wanted.headers)
    content = orjson.dumps(wanted.json_body) if wanted.has_json else wanted.body
    request = client.build_request(wanted.method, wanted.url, headers=headers, content=content)
    for _ in range(MOST_REDIRECTS + 1):
        response = client.send(request, stream=True, follow_redirects=False)
        following = response.next_request
        if following is None or not wanted.follow_redirects:
            return response
        response.close()
        request = _without_secrets(following, asked=request)
    raise httpx.TooManyRedirects(f"more than {MOST_REDIRECTS} redirects", request=request)


def _without_secrets(following: httpx.Request, *, asked: httpx.Request) -> httpx.Request:
    """Drop the caller's headers if a redirect leads to another origin."""
    if _origin(following.url) != _origin(asked.url):
        for name in set(following.headers) - _KEPT_ACROSS_ORIGINS:
            del following.headers[name]
    return following


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _read(response: httpx.Response, max_bytes: int) -> tuple[bytes, bool]:
    """Read the body without decompressing it, which could make a small answer an endless one."""
    read = bytearray()
    for chunk in response.iter_raw():
        read += chunk
        if len(read) > max_bytes:
            return bytes(read[:max_bytes]), True
    return bytes(read), False


def _text(response: httpx.Response, body: bytes) -> str:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        return f"({len(body):,} bytes, encoded as {encoding})"
    charset = response.charset_encoding
    try:
        return body.decode(charset if charset is not None else "utf-8", errors="replace")
    except LookupError:  # a charset unknown to Python
        return body.decode("utf-8", errors="replace")
