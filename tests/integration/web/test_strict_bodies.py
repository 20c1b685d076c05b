"""Bodies of REST: JSON, called so, of bounded size, and as strict as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stage.web import Web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from mission_control.installation.installation import Installation


@pytest.fixture
def web(installation: Installation) -> Web:
    return Web(installation)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("path", ["/tasks", "/schedules/preview", "/bulk/tasks", "/grants"])
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        (b'{"id": "a", "id": "b"}', "an object has the key 'id' twice; keep one of them"),
        (b'{"id": %s}' % (b"9" * 5_000), "an integer has 5,000 digits; write it as text"),
        (b"[" * 1_000_000, "is nested too deeply; use fewer levels"),
        (b'{"id": "\xff"}', "is not JSON: 'utf-8' codec can't decode byte 0xff in position 8"),
    ],
)
def test_body_is_read_as_strictly_as_a_file(body: bytes, detail: str, path: str, web: Web) -> None:
    how = {"content": body, "headers": {"Content-Type": "application/json", "Idempotency-Key": "one"}}
    answer = web.api("POST", path, **how)
    assert (*code_of(answer), detail in answer.json()["detail"]) == (400, "invalid_json", True)


def test_body_that_is_not_called_json_or_too_large_is_refused(web: Web) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536

    header = {"Content-Type": "application/json"}
    for kind, said in (({"Content-Type": "text/plain"}, "text/plain"), ({}, "no media type")):
        answer = web.api("POST", "/tasks", content=b"{}", headers=kind)
        assert (*code_of(answer), said in answer.text) == (415, "unsupported_media_type", True)
    for more in ({}, {"Idempotency-Key": "two"}):
        answer = web.api("POST", "/tasks", content=parts(), headers=header | more)
        assert code_of(answer) == (413, "body_too_large")
