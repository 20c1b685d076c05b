"""schemathesis calls REST as its OpenAPI schema describes it, and follows its links; it finds nothing.

MC_REST_EXAMPLES says how many examples it tries: a few here, many by `make chaos`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from mission_control.web.server import create_app
from tests.stage.web import Web

if TYPE_CHECKING:
    from mission_control.installation.installation import Installation

EXAMPLES = int(os.environ.get("MC_REST_EXAMPLES", "5"))
HEADERS = {"Host": "localhost:8800"}
TEA = {"id": "tea", "schedule": "every 1h", "handler": "handlers.hello.run"}


def search(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=8,
        deadline=None,
        derandomize=EXAMPLES == 5,  # what CI tries is always the same
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )


@pytest.fixture
def schema(installation: Installation) -> Any:
    import schemathesis

    installation.registry.register(TEA)
    app = create_app(installation)
    found: Any = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HEADERS)
    found = found.exclude(path="/api/v1/events")  # it never ends

    @found.hook("map_body")
    def with_a_definition(context: Any, body: Any) -> Any:
        if context.operation.label != "POST /api/v1/tasks":
            return body
        return {**TEA, "id": f"t{crc32(repr(body).encode()) % 50}"}  # no schema says what a definition is

    @found.hook("map_path_parameters")
    def with_a_task(context: Any, path_parameters: Any) -> Any:  # noqa: ARG001  # the hook's names
        named = str((path_parameters or {}).get("task_id", "tea"))
        if re.fullmatch("tea|t[0-9]+", named) or crc32(named.encode()) % 4 == 0:
            return path_parameters
        return {**path_parameters, "task_id": "tea"}  # no schema says which tasks there are

    return found


def test_calls_as_the_schema_describes_them_find_nothing(schema: Any) -> None:
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 40
    for operation in operations:

        @search(EXAMPLES)
        @given(case=operation.as_strategy())
        def call(case: Any) -> None:
            # What a field of a definition, a filter or a cursor may be is more than a schema can say.
            case.call_and_validate(headers=HEADERS, excluded_checks=[positive_data_acceptance])

        call()


def test_calls_that_follow_links_find_nothing(schema: Any, installation: Installation) -> None:
    from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

    excluded = [positive_data_acceptance, negative_data_rejection]  # bodies stand in for wrong ones
    succeeded = set[str]()

    class Machine(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            installation.client.flushdb()
            installation.registry.register(TEA)

        def get_call_kwargs(self, _case: Any) -> dict[str, Any]:
            return {"headers": HEADERS}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            succeeded.update([case.operation.label] if response.status_code < 300 else [])
            case.validate_response(response, excluded_checks=excluded)

    Machine.run(settings=search(EXAMPLES * 5))
    of_a_task = [one for one in succeeded if "{task_id}" in one]
    assert ("POST /api/v1/tasks" in succeeded, len(of_a_task) > 2) == (True, True), succeeded


def test_document_has_the_form_of_errors_once_and_names_the_token(installation: Installation) -> None:
    found = Web(installation).api("GET", "/openapi.json")
    document = found.json()
    problem = {"$ref": "#/components/schemas/Problem"}
    answers = document["paths"]["/api/v1/tasks"]["post"]["responses"]
    assert answers["404"]["content"]["application/problem+json"]["schema"] == problem
    assert found.text.count("An error, by RFC 9457") == 1
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert [name for name in names if not re.fullmatch(r"[a-z_.]+", name)] == []
