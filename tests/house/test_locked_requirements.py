"""What is installed is what is locked, every file of it is known by its hash, and no place is prescribed."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house.repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCKS = (
    *("requirements.lock", "deploy/requirements.lock", "deploy/page-scripts.lock"),
    *("benchmarks/peers.lock", ".ci/pip-audit.lock"),
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")


def entries(lock: str) -> list[str]:
    """Return the requirements of a lock file, each with its hashes on one line."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pins(lock: str) -> dict[str, Requirement]:
    """Return the locked requirements by name."""
    found = [Requirement(entry.split(" --hash=", 1)[0].strip()) for entry in entries(lock)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def declared(*extras: str) -> list[Requirement]:
    """Return what pyproject.toml asks for."""
    table = project()["project"]
    texts = [
        *table["dependencies"],
        *(text for extra in extras for text in table["optional-dependencies"][extra]),
    ]
    return [Requirement(text) for text in texts]


def version_of(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", f"{pin} is not pinned"
    return specifier.version


@pytest.mark.parametrize("lock", LOCKS)
def test_locked_requirement_is_pinned_and_hashed(lock: str) -> None:
    assert entries(lock)
    assert [entry.split()[0] for entry in entries(lock) if not HASH.search(entry)] == []
    assert all(version_of(pin) for pin in pins(lock).values())


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_package_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|\s@\s", text) == []


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ["dev"]), ("deploy/requirements.lock", [])]
)
def test_lock_satisfies_pyproject(lock: str, extras: list[str]) -> None:
    locked = pins(lock)
    unmet = [
        f"{wanted} (locked: {locked.get(canonicalize_name(wanted.name))})"
        for wanted in declared(*extras)
        if canonicalize_name(wanted.name) not in locked
        or not wanted.specifier.contains(version_of(locked[canonicalize_name(wanted.name)]), prereleases=True)
    ]
    assert unmet == [], "run `make lock`"


def test_peer_of_the_benchmarks_is_locked() -> None:
    lines = (ROOT / "benchmarks" / "peers.in").read_text(encoding="utf-8").splitlines()
    wanted = {canonicalize_name(Requirement(line).name) for line in lines if not line.startswith("#")}
    assert wanted <= pins("benchmarks/peers.lock").keys(), "run `make lock`"


def test_image_gets_the_tested_versions() -> None:
    tested = pins("requirements.lock")
    assert {name: str(pin.specifier) for name, pin in pins("deploy/requirements.lock").items()}.items() <= {
        name: str(pin.specifier) for name, pin in tested.items()
    }.items()


def test_installed_packages_are_the_locked_ones() -> None:
    locked = pins("requirements.lock")
    installed = {name: metadata.version(name) for name, pin in locked.items() if applies(pin)}
    assert installed == {name: version_of(pin) for name, pin in locked.items() if applies(pin)}
    assert sorted(missing_from(set(locked))) == [], "run `make lock`"


def test_project_is_installable_for_editing_from_the_lock_alone() -> None:
    # Without dev-mode-dirs hatchling needs the package `editables`, which only an isolated build would fetch.
    wheel = project()["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "dev-mode-dirs" in wheel or "editables" in pins("requirements.lock")


def applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def missing_from(locked: set[str]) -> Iterator[str]:
    """Yield what some locked package needs here and the lock does not have."""
    for name in locked:
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # it is for other systems
            continue
        for need in map(Requirement, needs):
            if applies(need) and canonicalize_name(need.name) not in locked:
                yield f"{need}, needed by {name}"
