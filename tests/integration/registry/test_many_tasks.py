"""Files of many tasks: what they have in common is checked once, and each task has its record."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from mission_control.audit.pending import pending_records
from mission_control.audit.stream.reader import read_all
from mission_control.configuration.settings import read_settings
from mission_control.errors import InvalidTaskError, StoreUnavailableError
from mission_control.files import json_items
from mission_control.installation.installation import Installation
from mission_control.operate.apply import apply_task_file
from mission_control.operate.plan.planning import check_task_files, plan_of
from mission_control.registry.checked_task import CheckedTask
from mission_control.registry.definition_check import DefinitionCheck
from mission_control.registry.similar_tasks import SimilarStoredTasks, SimilarTasks
from mission_control.registry.stored_task import StoredTask, stored_form
from mission_control.store import redis_keys
from mission_control.store.connection import store_errors
from mission_control.sweep.late_records import LateRecords
from tests.stage.audit_stream import verified_changes
from tests.stage.live_installation import YEARLY
from tests.stage.tcp_proxy import TcpProxy
from tests.stage.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HELLO = "handlers.hello.run"
MANY = 60


def a_task(number: int, **fields: Any) -> dict[str, Any]:
    schedules = (YEARLY, {"type": "daily", "time": "09:00", "timezone": "Europe/Berlin"})
    common = {"schedule": schedules[number % 2], "handler": HELLO, "priority": number % 2}
    task = {"id": f"t{number:03}", "params": {"number": number, "secret_word": "sesame"}, **common, **fields}
    return {name: value for name, value in task.items() if value is not ...}


@pytest.fixture
def apply(installation: Installation, tmp_path: Path) -> Callable[..., dict[Any, list[str]]]:
    def applied(tasks: list[dict[str, Any]], ours: Installation = installation) -> dict[Any, list[str]]:
        file = tmp_path / "tasks.json"
        file.write_text(json.dumps(tasks), "utf-8")
        with store_errors(ours.redis_url):
            return apply_task_file(ours.registry, file, ours.resources).by_kind()

    return applied


def records(installation: Installation) -> Counter[tuple[str, str, int]]:
    installation.changes.flush()
    path = installation.settings.task_changes_log
    found = read_all(path) if path.exists() else ()
    return Counter((one["change"], one["task_id"], one["revision"]) for one in found)


def test_what_tasks_have_in_common_is_checked_once(
    installation: Installation, apply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    parse_new = DefinitionCheck.parse_new

    def counted(check: DefinitionCheck, definition: dict[str, Any], **how: Any) -> Any:
        checked.append(definition["id"])
        return parse_new(check, definition, **how)

    monkeypatch.setattr(DefinitionCheck, "parse_new", counted)
    assert len(apply([a_task(number) for number in range(MANY)])["created"]) == MANY
    assert checked == ["t000", "t001"]  # one of each kind
    stored = {one["id"]: one for one in installation.registry.tasks()}
    assert [stored[f"t{number:03}"]["params"]["number"] for number in range(MANY)] == [*range(MANY)]
    assert stored["t007"]["name"] == "t007"


def test_further_tasks_of_a_file_take_no_memory(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_items, "_READ_AT_ONCE", 4_096)
    file, taken = tmp_path / "tasks.json", []
    for count in (10, 510, 1_510):  # what is loaded once is loaded first
        file.write_text(json.dumps([a_task(number) for number in range(count)]), "utf-8")
        tracemalloc.start()
        plan = plan_of(installation.registry, check_task_files(installation.registry, [file]))
        taken.append(tracemalloc.get_traced_memory()[1] - file.stat().st_size)
        tracemalloc.stop()
        assert len(plan.tasks) == count
    assert (taken[2] - taken[1]) / 1_000 < 50  # a definition takes 2,000


def test_file_without_changes_costs_one_command_for_a_task(
    installation: Installation, apply: Callable[..., Any]
) -> None:
    tasks = [a_task(number) for number in range(MANY)]
    apply(tasks)
    client: Any = installation.client

    def counts() -> Counter[str]:
        sent = client.info("commandstats")
        return Counter({name.removeprefix("cmdstat_"): one["calls"] for name, one in sent.items()})

    before = counts()
    assert len(apply(tasks)["unchanged"]) == MANY
    sent = counts() - before
    assert (sent.pop("hmget"), sent.pop("zmscore"), sent.pop("exists")) == (MANY + 1, 1, 1)
    assert sent.total() < 10


def test_task_that_another_program_has_edited_is_restored_by_its_file(
    installation: Installation, apply: Callable[..., Any]
) -> None:
    tasks = [a_task(number) for number in range(4)]
    apply(tasks)
    entry = installation.registry.runnable.entry_key("t002")
    client: Any = installation.client
    client.hset(entry, "task", client.hget(entry, "task").replace('"number":2', '"number":99'))
    done = apply(tasks)
    assert (done["updated"], done["unchanged"]) == (["t002"], ["t000", "t001", "t003"])


ALIKE: dict[str, list[dict[str, Any]]] = {
    "names": [{"name": "first"}, {"name": "second"}],
    "secrets": [{"secret": ["secret_word"]}, {"secret": ["number"]}],
    "upstream": [{"after": [{"task": "t009"}]}, {"after": [{"task": "t001"}]}],
    "no params": [{"params": {}}, {"params": {}}],
    "one and true": [{"priority": 1}, {"priority": True}],
    "one and text": [{"timeout_seconds": 60}, {"timeout_seconds": "60s"}],
    "not a number": [{"timeout_seconds": None}, {"timeout_seconds": float("nan")}],
    "bad id": [{}, {"id": "no id"}],
    "bad name": [{"name": "one"}, {"name": "two\nlines"}],
    "masked param": [{}, {"params": {"secret_word": "***"}}],
    "no such secret": [{"secret": ["number"]}, {"secret": ["nmber"]}],
    "after itself": [{"after": [{"task": "t009"}]}, {"after": [{"task": "t006"}]}],
    "no schedule": [{"after": [{"task": "t009"}], "schedule": ...}, {"after": [], "schedule": ...}],
    "no upstream": [{"after": one, "condition": "upstream_changed"} for one in ([{"task": "t009"}], [])],
    "many params": [{}, {"params": {"list": [0] * 20_000}}],
    "key of a limit": [{"limits": ["per_key"]}, {"limits": ["per_key"], "params": {}}],
    "unknown limit": [{"limits": ["per_key"]}, {"limits": ["per_kay"]}],
    "over": [{"schedule": {"type": "once", "at": "2020-01-01T09:00:00Z"}, "enabled": False}, {}],
}


@pytest.mark.parametrize("fields", ALIKE.values(), ids=ALIKE)
def test_similar_definitions_become_what_each_becomes_alone(
    installation: Installation, fields: list[dict[str, Any]]
) -> None:
    installation.limits.set({"name": "per_key", "concurrency": 2, "per": "params.number"})
    check = installation.registry.check
    similar = SimilarTasks(check, {})

    def outcome(parse: Callable[..., Any], definition: dict[str, Any]) -> Any:
        try:
            return parse(definition).form
        except InvalidTaskError as error:
            return [str(one) for one in error.problems]

    for number, more in enumerate([*fields, *fields]):
        definition = a_task(2 * number, **more)
        alone = outcome(lambda one: CheckedTask.of(check.parse_new(one, is_alone=False)), definition)
        assert outcome(similar.parse, definition) == alone


DAMAGE: dict[str, dict[str, Any]] = {
    "none": {},
    "name": {"name": "two\nlines"},
    "params": {"params": None},
    "secret": {"secret": ["number"]},
    "unknown secret": {"secret": ["nmber"]},
    "upstream": {"after": [{"task": "other"}]},
    "not a number": {"timeout_seconds": float("nan")},
    "unknown field": {"colour": "red"},
    "metadata": {"metadata": {"revision": 3, "created_by": "ops"}},
    "damaged metadata": {"metadata": {"revision": 0}},
    "no secret": {"secret": ...},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_similar_stored_tasks_are_read_as_each_is_alone(
    installation: Installation, damage: dict[str, Any]
) -> None:
    check = installation.registry.check
    read = SimilarStoredTasks(check).read
    for task_id, change in (("a", {}), ("b", damage), ("c", {})):
        form = {**stored_form(check.parse_new(a_task(0, id=task_id))), **change}
        text = json.dumps({name: one for name, one in form.items() if one is not ...})
        try:
            alone = check.parse_stored(json.loads(text))
        except InvalidTaskError:
            alone = None
        assert read(StoredTask(task_id, text, None)) == alone


def test_each_task_has_one_record_after_a_connection_was_cut_in_the_middle(
    installation: Installation, apply: Callable[..., Any]
) -> None:
    tasks = [a_task(number) for number in range(MANY)]
    address = str(installation.settings.redis_url)
    port = int(address.rpartition(":")[2].partition("/")[0])
    data_dir, client = installation.settings.data_dir, cast("Any", installation.client)
    connected = len(client.client_list())
    with TcpProxy(port) as proxy:
        far = Installation(
            read_settings(redis_url=address.replace(f":{port}", f":{proxy.port}"), data_dir=data_dir)
        )
        proxy.cut_at(b"*%d\r\n:1\r\n" % MANY)  # the tasks are written
        with pytest.raises(StoreUnavailableError):
            apply(tasks, far)
    wait_until(lambda: len(client.client_list()) <= connected, "Redis has dropped the connection")
    written = installation.registry.ids()
    assert 0 < len(written) == client.hlen(redis_keys.PENDING_RECORDS)
    assert not records(installation)
    assert LateRecords.of(installation).write(grace=timedelta(0)) == len(written)
    done = apply(tasks)
    assert (done["unchanged"], len(done["created"])) == (written, MANY - len(written))
    assert records(installation) == Counter(("registered", one["id"], 1) for one in tasks)
    assert not installation.client.exists(redis_keys.PENDING_RECORDS)
    assert verified_changes(installation).is_sound


def test_record_of_a_change_is_written_once_by_a_process_that_could_not_report_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending_records, "mark_written", lambda *_: None)  # as if it was killed
    assert installation.registry.register(a_task(0))
    assert installation.registry.update("t000", {"priority": 3})
    assert installation.client.hlen(redis_keys.PENDING_RECORDS) == 2
    assert LateRecords.of(installation).write(grace=timedelta(0)) == 0
    assert records(installation) == Counter({("registered", "t000", 1): 1, ("updated", "t000", 2): 1})
    assert not installation.client.exists(redis_keys.PENDING_RECORDS)
