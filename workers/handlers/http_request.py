"""HTTP requests: a webhook, a health check, a call to an API."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

import httpx
from pydantic import BeforeValidator, Field, field_validator, model_validator

from mission_control.audit.record.secrets_mask import mask_text
from mission_control.errors import InvalidTaskError
from mission_control.handler_catalog.contract import failure, read_params, success
from mission_control.installation.installation import current_installation
from mission_control.model.problems.secret_references import MASK
from mission_control.model.values.addresses import parse_networks
from mission_control.outbound.http_call import Answer, Call, call

_LONGEST_URL = 8_000
_SHOWN_CHARACTERS = 2_000
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
# What these say must be true of the request, or the connection is out of step with its server.
_OF_THE_CONNECTION = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,8000}")


def _listed(value: object) -> object:
    return [value] if isinstance(value, int) else value


_Status = Annotated[int, Field(ge=100, le=599)]


class _Params(Call):
    expect_status: Annotated[
        tuple[_Status, ...], BeforeValidator(_listed), Field(strict=False, max_length=100)
    ] = ()

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        problem = _url_problem(url)
        if problem is not None:
            raise ValueError(f"{_shown_url(url)[:80]!r} {problem}; write http://… or https://…")
        return url

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: dict[str, str]) -> dict[str, str]:
        # Values are not quoted, because they hold keys and tokens.
        for name, value in headers.items():
            if _HEADER_NAME.fullmatch(name) is None:
                raise ValueError(f"{name[:80]!r} is not a header name; use letters, digits and hyphens")
            if name.lower() in _OF_THE_CONNECTION:
                raise ValueError(f"{name} follows from the body and the connection; leave it out")
            if _HEADER_VALUE.fullmatch(value) is None:
                raise ValueError(
                    f"the value of {name} has line breaks, non-ASCII characters, or over 8,000 characters"
                )
        return headers

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.body is not None and self.has_json:
            raise ValueError("body and json are both given; give only one")
        return self


def run(context: Mapping[str, Any]) -> dict[str, Any]:
    """Call `params.url` and judge the answer by its status (`expect_status`, else any 2xx).

    Further params: method, headers, body or json, timeout_seconds (30, for the whole call), max_bytes (of
    the answer to read), follow_redirects (true). Addresses that are not on the public Internet are refused,
    also after a redirect, unless `MISSION_CONTROL_OUTBOUND_ALLOW` has them.
    """
    try:
        params = read_params(_Params, context)
    except InvalidTaskError as error:
        return failure(error)
    try:
        allowed = parse_networks(current_installation().settings.outbound_allow)
        answer = call(params, allowed=allowed)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return failure(f"{params.method} {_shown_url(params.url)}: {_described(error, params)}")
    return _judged(params, answer)


def _judged(params: _Params, answer: Answer) -> dict[str, Any]:
    output = {
        "url": _shown_url(answer.url),
        "status": answer.status,
        "bytes": len(answer.body),
        "truncated": answer.is_truncated,
        "elapsed_ms": answer.elapsed_ms,
        "body": answer.text[:_SHOWN_CHARACTERS],
    }
    if answer.status in params.expect_status if params.expect_status else 200 <= answer.status < 300:  # noqa: PLR2004
        return success(output)
    expected = ", ".join(map(str, params.expect_status)) if params.expect_status else "2xx"
    aside = "" if answer.location is None else f" (a redirect to {_shown_url(answer.location)})"
    answered = f"answered {answer.status} {answer.reason}{aside}, expected {expected}"
    return failure(f"{params.method} {output['url']} {answered}", output)


def _url_problem(url: str) -> str | None:
    if len(url) > _LONGEST_URL:
        return f"is too long: {len(url):,} characters"
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        # httpx quotes the part it could not parse, which may be a piece of the password.
        return "is not a URL" if "@" in url else f"is not a URL ({error})"
    if parsed.scheme not in {"http", "https"}:
        return "is not an HTTP URL"
    return None if parsed.host else "has no host"


def _shown_url(url: str) -> str:
    """Return a URL with its user, its password, and apparent secrets in its query masked."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        # The password may be anywhere before the last "@" of a URL that cannot be parsed.
        return mask_text(f"{MASK}@{url.rpartition('@')[2]}" if "@" in url else url)
    return mask_text(str(parsed.copy_with(userinfo=MASK.encode()) if parsed.userinfo else parsed))


def _described(error: Exception, params: _Params) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no complete answer within {params.timeout_seconds:g} seconds"
    text = str(error)
    return mask_text(text) if text else type(error).__name__
