"""Which secrets a worker reads for a task, and which it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.call.handler_params import (
    LARGEST_SECRET_BYTES,
    SecretSources,
    SecretUnavailableError,
    file_problem,
)

ENVIRONMENT = {"DOOR": "1234-5678", "EMPTY": "", "MISSION_CONTROL_REDIS_URL": "redis://:x@h"}


def sources(folder: Path, *allowed: str) -> SecretSources:
    return SecretSources(allowed, folder / "data", ENVIRONMENT)


def refusal(found: SecretSources, reference: str) -> str:
    with pytest.raises(SecretUnavailableError) as caught:
        found.value_of(reference)
    return str(caught.value)


def test_variable_and_file_are_read_without_the_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("two\nlines\r\n")
    assert sources(tmp_path).value_of("env:DOOR") == "1234-5678"
    assert sources(tmp_path).value_of(f"file:{tmp_path}/key") == "two\nlines"


def test_missing_or_own_variable_is_refused_with_the_remedy(tmp_path: Path) -> None:
    found = sources(tmp_path, "env:*")
    for name in ("ABSENT", "EMPTY"):
        assert refusal(found, f"env:{name}").endswith(
            f"no environment variable {name}; set it and restart it"
        )
    assert "is a setting of Mission Control" in refusal(found, "env:MISSION_CONTROL_REDIS_URL")


def test_file_that_is_no_secret_is_refused_by_what_is_wrong_with_it(tmp_path: Path) -> None:
    found = sources(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "server.json").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_text("x" * (LARGEST_SECRET_BYTES + 1))
    os.mkfifo(tmp_path / "pipe")
    faults = {
        "data/server.json": "is in the data directory of Mission Control",
        ".hidden": "is hidden or the system's",
        "empty": "is empty",
        "binary": "is not UTF-8 text",
        "large": "it is too large",
        "pipe": "it is not a regular file",
        "absent": "No such file or directory",
    }
    for name, fault in faults.items():
        assert fault in refusal(found, f"file:{tmp_path}/{name}")


@pytest.mark.parametrize("path", ["/etc/shadow", "/proc/version", "/dev/zero"])
def test_file_of_the_system_is_refused_unless_the_operator_names_it(path: str) -> None:
    real = Path(path)
    assert "or add it to MISSION_CONTROL_SECRETS_ALLOW" in str(
        file_problem(real, real, Path("/data"), is_named=False)
    )
    assert file_problem(real, real, Path("/data"), is_named=True) is None


def test_link_is_followed_within_its_directory_and_not_out_of_it(tmp_path: Path) -> None:
    mounted = tmp_path / "secrets"
    (mounted / "..2026_11").mkdir(parents=True)
    (mounted / "..2026_11" / "token").write_text("as Kubernetes mounts it")
    (mounted / "..data").symlink_to("..2026_11")
    (mounted / "token").symlink_to("..data/token")
    (tmp_path / "other").write_text("x")
    (mounted / "trap").symlink_to(tmp_path / "other")
    assert sources(tmp_path).value_of(f"file:{mounted}/token") == "as Kubernetes mounts it"
    assert "leads out of its directory" in refusal(sources(tmp_path), f"file:{mounted}/trap")


@pytest.mark.parametrize("swapped", ["token", "."])
def test_link_that_takes_the_place_of_a_judged_file_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "token").write_text("theirs")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "token").write_text("not theirs")

    def swap(*_args: object, **_options: object) -> None:
        place = shared / swapped
        place.rename(tmp_path / "old")
        place.symlink_to(tmp_path / "other" / swapped)

    monkeypatch.setattr("workers.call.handler_params.file_problem", swap)
    assert "cannot read" in refusal(sources(tmp_path), f"file:{shared}/token")


def test_only_what_the_operator_allows_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    found = sources(tmp_path, "env:APP_*", f"file:{tmp_path}/*")
    assert found.value_of(f"file:{tmp_path}/key") == "k"
    assert "env:DOOR is not allowed here; add it to MISSION_CONTROL_SECRETS_ALLOW" in refusal(
        found, "env:DOOR"
    )
