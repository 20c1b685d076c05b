"""The JSON Schema of task files in the documentation is that of the models."""

from __future__ import annotations

import json
from typing import Any

from mission_control.model.definitions.task import TaskDefinition
from tests.house.task_schema import SCHEMA, schema_of_task_files


def test_schema_in_the_documentation_is_that_of_the_models() -> None:
    assert SCHEMA.read_text("utf-8") == schema_of_task_files(), "run: python -m tests.house.task_schema"


def test_schema_knows_every_field_of_a_task_and_its_words() -> None:
    defs: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))["$defs"]
    task = defs["TaskDefinition"]["anyOf"][0]
    assert task["properties"].keys() == TaskDefinition.model_fields.keys()
    assert task["additionalProperties"] is False
    words = {"type": ["string", "array"]}
    assert words in task["properties"]["schedule"]["anyOf"][0]["anyOf"]
    assert words in defs["LimitUse"]["anyOf"]
