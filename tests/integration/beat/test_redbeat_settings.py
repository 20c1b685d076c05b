from __future__ import annotations

from typing import Any

import pytest
from redbeat.schedulers import ensure_conf

from beat.checks.redbeat_settings import check_redbeat_settings
from mission_control.configuration.settings import read_settings
from mission_control.errors import SettingsError
from mission_control.installation.installation import Installation, create_app

OURS = "sentinel://:hunter2@a:26379/1;sentinel://b:26379/1?master_name=tasks"


def check(ours: str, **theirs: Any) -> None:
    """Check the settings of a user's application; no server is asked."""
    installation = Installation(read_settings(redis_url=ours))
    app = create_app("theirs", lambda: installation)
    app.conf.update(theirs)
    ensure_conf(app)
    check_redbeat_settings(app, installation.redbeat_keys.prefix, installation.redis_url)


def asking(*sentinels: str, name: str = "tasks", db: int = 1) -> dict[str, Any]:
    options = {"sentinels": [(host, 26379) for host in sentinels], "service_name": name, "db": db}
    return {"redbeat_redis_url": "redis-sentinel://", "redbeat_redis_options": options}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OURS, {}),
        (OURS, asking("b", "c")),
        ("redis://localhost/0", {"redbeat_redis_url": "redis://:hunter2@127.0.0.1:6379"}),
        ("rediss://h/2", {"redbeat_redis_url": "redis://h:6379/2"}),
        ("unix:///run/redis.sock", {"redbeat_redis_url": "unix:///run/redis.sock?db=0"}),
    ],
)
def test_other_spelling_of_the_same_server_is_accepted(ours: str, theirs: dict[str, Any]) -> None:
    check(ours, **theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OURS, asking("c")),
        (OURS, asking("a", name="others")),
        (OURS, asking("a", db=0)),
        (OURS, {"redbeat_redis_url": "redis://a:26379/1"}),
        ("redis://localhost/0", {"redbeat_redis_url": "redis://localhost/1"}),
        ("redis://localhost/0", {"redbeat_redis_url": "redis://elsewhere/0"}),
        ("redis://localhost/0", {"redbeat_redis_url": "nonsense"}),
    ],
)
def test_other_server_is_refused(ours: str, theirs: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="redbeat_redis_url") as caught:
        check(ours, **theirs)
    assert "hunter2" not in str(caught.value)
