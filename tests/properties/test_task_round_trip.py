from __future__ import annotations

import json
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from mission_control.errors import InvalidTaskError
from mission_control.files.task_file import parse_tasks, read_task_file, write_task_file
from mission_control.model.definitions.task import parse_task
from mission_control.model.values.instants import format_instant

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}x", fullmatch=True)
PATHS = st.builds("handlers.{}.{}".format, NAMES, NAMES)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=30)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
SECONDS = st.integers(0, 10**6) | st.floats(0, 10**6)
POSITIVE_SECONDS = st.integers(1, 10**6) | st.floats(0.001, 10**6)
INSTANTS = st.none() | st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    format_instant
)
TIMES = st.times().map(lambda time: time.strftime("%H:%M"))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)

PLAIN_SCHEDULES = st.one_of(
    st.fixed_dictionaries({"type": st.just("daily"), "time": TIMES}, optional={"timezone": ZONES}),
    st.fixed_dictionaries(
        {
            "type": st.just("weekly"),
            "days": st.lists(st.sampled_from(["monday", "tue", "Friday"]), min_size=1, unique=True),
            "time": TIMES,
        },
        optional={"timezone": ZONES},
    ),
    st.fixed_dictionaries({"type": st.just("interval"), "minutes": st.integers(1, 10_000)}),
    st.fixed_dictionaries(
        {"type": st.just("cron"), "expression": st.sampled_from(["0 9 * * 1-5", "@daily"])}
    ),
)
SCHEDULES = st.one_of(
    PLAIN_SCHEDULES,
    st.fixed_dictionaries(
        {"type": st.just("any"), "schedules": st.lists(PLAIN_SCHEDULES, min_size=1, max_size=3)},
        optional={"timezone": ZONES},
    ),
    st.fixed_dictionaries(
        {"type": st.just("daily"), "times": st.lists(TIMES, min_size=1, max_size=3, unique=True)},
        optional={
            "spread_seconds": st.integers(0, 3600) | st.floats(0, 3600),
            "start": st.just("2026-01-01"),
            "end": st.just("2030-12-31T12:00:00Z"),
            "exclude": st.just(["sunday", "2026-12-25", {"from": "2026-07-01", "to": "2026-07-14"}]),
            "dst": st.just({"gap": "skip"}),
        },
    ),
)

CONDITIONS = (
    "workday",
    "previous_failed",
    {"workday": [{"holidays": "DE-BY"}, "2026-12-24"], "idle_times": 3},
    {"file_changed": "/srv/orders.csv", "idle_after": 172_800},
    {"window": "22:00-06:00"},
    {"handler": "handlers.conditions.on_call", "idle_after": 60},
)
DEFINITIONS = st.fixed_dictionaries(
    {"id": IDS, "schedule": SCHEDULES, "handler": PATHS},
    optional={
        "name": LINES,
        "description": TEXTS,
        "enabled": st.booleans(),
        "metadata": st.fixed_dictionaries(
            {},
            optional={
                "created": INSTANTS,
                "created_by": st.none() | LINES,
                "last_modified": INSTANTS,
                "revision": st.integers(1, 10**9),
            },
        ),
        "execution_history": st.fixed_dictionaries(
            {},
            optional={
                "last_run": INSTANTS,
                "next_run": INSTANTS,
                "total_runs": st.integers(0, 10**9),
                "success_count": st.integers(0, 10**9),
                "failure_count": st.integers(0, 10**9),
            },
        ),
        "retry_policy": st.fixed_dictionaries(
            {},
            optional={
                "max_retries": st.integers(0, 10_000),
                "retry_delay_seconds": SECONDS,
                "backoff": st.sampled_from(["fixed", "exponential"]),
                "max_delay_seconds": SECONDS,
                "jitter": st.booleans(),
            },
        ),
        "params": st.dictionaries(TEXTS, JSON, max_size=4),
        "timeout_seconds": st.none() | POSITIVE_SECONDS,
        "expires_seconds": st.none() | POSITIVE_SECONDS,
        "fresh_process": st.booleans(),
        "misfire": st.fixed_dictionaries(
            {},
            optional={
                "policy": st.sampled_from(["latest", "all", "skip"]),
                "grace_seconds": SECONDS,
                "max_catch_up": st.integers(0, 10_000),
                "stagger_seconds": SECONDS,
            },
        ),
        "overlap": st.sampled_from(["skip", "queue", "queue_latest", "allow", "replace"]),
        # Longer than any id above, so that no task comes after itself.
        "after": st.lists(
            st.fixed_dictionaries(
                {"task": IDS.map(lambda one: one + "_" * 21)},
                optional={"on": st.sampled_from(["success", "failure", "finished"])},
            ),
            max_size=3,
            unique_by=lambda dependency: dependency["task"],
        ),
        "join": st.sampled_from(["all", "any"]),
        "condition": st.none() | PATHS | st.sampled_from(CONDITIONS),
        "deadline": st.none()
        | st.fixed_dictionaries(
            {"start_within": POSITIVE_SECONDS},
            optional={"finish_within": POSITIVE_SECONDS, "finish_by": st.sampled_from(["08:00", "23:59:59"])},
        ),
        "pause_after_failures": st.none() | st.integers(1, 1_000),
        "probe_after": st.lists(st.sampled_from([0.5, 60, 86_400]), min_size=1, max_size=3),
        "notify": st.fixed_dictionaries(
            {},
            optional={
                "on": st.lists(st.sampled_from(["success", "late"]), max_size=32),
                "to": st.lists(NAMES, max_size=3),
                "remind_every": st.none() | st.sampled_from([60, 86_400]),
            },
        ),
        "queue": IDS,
        "priority": st.integers(0, 9),
        "owner": LINES,
        "tags": st.lists(LINES, max_size=4),
    },
)


@given(DEFINITIONS)
def test_definition_written_and_read_again_is_equal(data: dict[str, Any]) -> None:
    task = parse_task(data)
    assert parse_task(task.to_dict()) == task
    assert parse_task(task.to_dict()).to_dict() == task.to_dict()


@given(DEFINITIONS, ZONES, ZONES)
def test_definition_read_in_another_place_means_the_same(data: dict[str, Any], one: str, other: str) -> None:
    task = parse_task(data, default_timezone=one)
    assert parse_task(task.to_dict(), default_timezone=other) == task


@given(DEFINITIONS)
def test_written_definition_survives_json_unchanged(data: dict[str, Any]) -> None:
    written = parse_task(data).to_dict()
    assert orjson.loads(orjson.dumps(written)) == written
    assert json.loads(json.dumps(written, allow_nan=False)) == written


@given(DEFINITIONS)
def test_written_definition_contains_every_given_field(data: dict[str, Any]) -> None:
    written = parse_task(data).to_dict()
    for key in data.keys() - {
        "schedule",
        "metadata",
        "execution_history",
        "retry_policy",
        "misfire",
        "notify",
        "after",
    }:
        assert written[key] == data[key]
    for key in data.keys() & {"metadata", "execution_history", "retry_policy", "misfire", "notify"}:
        assert written[key].items() >= data[key].items()


@given(
    st.dictionaries(TEXTS | st.sampled_from(["id", "schedule", "handler", "params", "tags", "after"]), JSON)
)
def test_invalid_definition_raises_only_problems(data: dict[str, Any]) -> None:
    try:
        parse_task(data)
    except InvalidTaskError as error:
        assert error.problems  # noqa: PT017  # a definition that happens to be valid is no failure


@settings(max_examples=40)
@given(st.lists(DEFINITIONS, max_size=3, unique_by=itemgetter("id")), st.sampled_from(["json", "yaml"]))
def test_definition_exported_to_a_file_and_read_from_it_is_equal(
    data: list[dict[str, Any]], ending: str
) -> None:
    tasks = sorted(map(parse_task, data), key=lambda one: one.id)
    with TemporaryDirectory() as folder:
        file = Path(folder, f"tasks.{ending}")
        write_task_file(file, tasks)
        assert parse_tasks(read_task_file(file).tasks) == tasks
