"""RedBeat's settings in a user's application, compared by the servers that they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redbeat.schedulers import ensure_conf

from beat.checks.refusals import check_redbeat_settings
from mission_control.errors import SettingsError
from tests.processes.still_beats import app_with
from tests.stage.servers import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mission_control.installation.installation import Installation


def check(installation: Installation, **theirs: Any) -> None:
    app = app_with(installation, **theirs)
    ensure_conf(app)
    prefix = installation.redbeat_keys.prefix
    check_redbeat_settings(app, installation.client, prefix, installation.redis_url)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[RedisServer]:
    with RedisServer(password="hunter2") as server:
        yield server


@pytest.mark.parametrize("spelling", ["redis://localhost:{port}", "redis://127.0.0.1:{port}?db=0"])
def test_other_spelling_of_the_same_server_is_accepted(
    installation: Installation, redis_server: RedisServer, spelling: str
) -> None:
    check(installation)
    check(installation, redbeat_redis_url=spelling.format(port=redis_server.port))


@pytest.mark.parametrize(
    "theirs",
    [
        "redis://127.0.0.1:{port}/1",
        "redis://:hunter2@127.0.0.1:{elsewhere}/0",
        "redis://:hunter2@127.0.0.1:1/0",
        "nonsense:hunter2@",
    ],
)
def test_other_server_or_database_is_refused(
    installation: Installation, redis_server: RedisServer, elsewhere: RedisServer, theirs: str
) -> None:
    with pytest.raises(SettingsError, match="redbeat_redis_url") as caught:
        check(installation, redbeat_redis_url=theirs.format(port=redis_server.port, elsewhere=elsewhere.port))
    assert "hunter2" not in str(caught.value)
