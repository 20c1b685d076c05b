"""The rules of Redis users: what the scripts send is in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mission_control.store import access_rules
from mission_control.store.access_rules import Role, acl_rule
from mission_control.store.redis_keys import RedBeatKeys
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = sorted(
    script for package in ("beat", "mission_control", "workers") for script in (ROOT / package).rglob("*.lua")
)
TAKES_MESSAGES = {"fetch", "hold", "turns"}
"""Scripts that no producer runs."""


def rule(role: Role, *queues: str, prefix: str = "redbeat:") -> set[str]:
    keys = RedBeatKeys(prefix)
    return {*acl_rule(role, "user", queues=queues, redbeat_keys=keys, database=3).split()}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_rule_has_every_command_of_a_script(script: Path) -> None:
    sent = {f"+{one.lower()}" for one in re.findall(r"\('([A-Z]+)'", script.read_text("utf-8"))}
    takes = {Role.BEAT, Role.WORKER}
    roles = takes if script.stem in TAKES_MESSAGES else {*takes, Role.PRODUCER, Role.WEB}
    assert {role: missing for role in roles if (missing := sent - rule(role))} == {}


def test_user_of_a_rule_cannot_log_in_before_it_has_a_password() -> None:
    """As `redis.conf` has it, the user `default` needs none."""
    assert {"resetpass"} < rule(Role.WORKER)


def test_rule_names_queues_prefix_and_database_of_the_installation() -> None:
    producer = rule(Role.PRODUCER, "re*ports", "two words", prefix="theirs[1]:")
    assert {r"~re\*ports", r"~re\*ports??[0-9]", "~two?words", "~celery", r"~theirs\[1\]:*"} < producer
    assert {"~say?hi?", "~line?break"} < rule(Role.PRODUCER, "say\"hi'", "line\x00break")
    assert {"%R~default", "&/3.celery.pidbox"} < rule(Role.FLOWER, "default")


WRITES = {*access_rules._WRITES.upper().split()} - {"PUBLISH", "EXPIRE"}
CAN_BE_REPEATED = {"lead", "put_back", "contradictions", "renew_leases", "mark_written", "find_lapsed"}
"""Scripts of which each write can be repeated, and is; parts are checked where they are used."""
PARTS = {"overlap", "trimming", "turns", "hold"}  # `hold` notes what was taken already


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script_with_several_writes_asks_for_its_rights_first(script: Path) -> None:
    text = script.read_text("utf-8")
    writes = WRITES & {*re.findall(r"\('([A-Z]+)'", text)}
    if len(writes) > 1 and script.stem not in CAN_BE_REPEATED | PARTS:
        assert "\nrequire_rights(" in text or "\n  require_rights(" in text


def test_fire_script_asks_for_all_commands_of_budgets_first() -> None:
    """Of a batch, an entry may be written before another one needs budgets."""
    texts = {script.stem: script.read_text("utf-8") for script in SCRIPTS}
    fire, budgets = (
        {*re.findall(r"\('([A-Z]+)'", "".join(texts[name] for name in names))}
        for names in (("fire", "overlap", "trimming"), ("budgets",))
    )
    assert budgets <= fire
