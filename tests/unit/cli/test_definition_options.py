from __future__ import annotations

import click
import pytest

from mission_control.cli.task.definition_options import parse_setting


@pytest.mark.parametrize("name", ["params.token", "params.db-password", "params.headers.Authorization"])
def test_secret_that_is_not_json_is_not_repeated(name: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        parse_setting(f"{name}=hunter2")
    assert "is not JSON" in caught.value.message
    assert "hunter2" not in caught.value.message
