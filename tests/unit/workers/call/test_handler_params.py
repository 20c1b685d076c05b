"""What a handler gets for its params, and how what it makes of them is masked."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.samples.ledger_runs import a_run
from workers.call.handler_params import HandlerParams, SecretSources, SecretUnavailableError, handler_params
from workers.call.invocation import Failure, Success
from workers.call.known_secrets import KnownSecrets

VALUE = 'p@ss "wörd"/1'
SOURCES = SecretSources((), Path("/data"), {"DOOR": VALUE})


def given(params: dict[str, Any], *marked: str) -> HandlerParams:
    return handler_params(replace(a_run(), params=params, secret_params=list(marked) or None), SOURCES)


def test_references_are_resolved_at_any_depth_and_other_params_stay() -> None:
    params = {"door": {"secret": "env:DOOR"}, "list": [{"deep": {"secret": "env:DOOR"}}, 1], "name": "Ada"}
    assert given(params).params == {"door": VALUE, "list": [{"deep": VALUE}, 1], "name": "Ada"}


def test_reference_that_cannot_be_resolved_names_its_param() -> None:
    with pytest.raises(
        SecretUnavailableError, match=r"params.list\[1\]: the worker has no environment variable X"
    ):
        given({"list": [0, {"secret": "env:X"}]})


@pytest.mark.parametrize(
    "spelling",
    [VALUE, repr(VALUE), quote(VALUE), quote(VALUE, safe=""), base64.b64encode(VALUE.encode()).decode()],
)
def test_secret_is_masked_however_it_is_spelt(spelling: str) -> None:
    error = Failure(f"refused: <{spelling}>", output={"seen": [spelling]}, traceback=f"E: <{spelling}>")
    masked = given({"door": {"secret": "env:DOOR"}}).masked(error)
    assert isinstance(masked, Failure)
    for text in (masked.error, masked.output["seen"][0], str(masked.traceback)):
        assert "***" in text
        assert "rd" not in text


def test_marked_value_leaves_no_way_and_a_named_one_only_the_output() -> None:
    params = {"door": 471100, "password": "hunter2", "name": "Ada"}
    output = ["hunter2", 471100, "door 471100", "Ada"]
    marked = given(params, "door")
    assert marked.masked(Success(output)) == Success(["hunter2", "***", "door ***", "Ada"])
    failure = marked.masked(Failure("hunter2 does not open 471100 for Ada"))
    assert isinstance(failure, Failure)
    assert failure.error == "*** does not open *** for Ada"


def test_secret_url_is_masked_when_it_is_written_differently() -> None:
    known = KnownSecrets(["https://Example.org/services/T0/B0/xyz?key=k"])
    assert known.in_text("POST https://example.org:443/services/T0/B0/xyz failed").endswith("443/*** failed")


def test_short_value_is_not_searched_for() -> None:
    assert KnownSecrets(["abc"]).in_text("abc") == "abc"
