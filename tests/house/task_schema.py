"""The JSON Schema of task files, made from the models: `python -m tests.house.task_schema` writes it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from mission_control.files.task_file import KINDS
from mission_control.model.definitions.task import TaskDefinition
from tests.house.repository import ROOT

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

SCHEMA = ROOT / "docs" / "task-file.schema.json"
_REFS = "#/$defs/{model}"


class _WithWords(GenerateJsonSchema):
    """What a validator reads before the type is checked may be words, such as "5m"."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        found = super().function_before_schema(schema)
        words = {"type": ["string", "array"]}
        return {"anyOf": [*found.get("anyOf", [found]), words]}

    def function_wrap_schema(self, schema: core_schema.WrapValidatorFunctionSchema) -> JsonSchemaValue:
        return {"anyOf": [super().function_wrap_schema(schema), {"type": "null"}]}


def schema_of_task_files() -> str:
    """Return the schema as the documentation has it."""
    defs: dict[str, Any] = {}
    sections: dict[str, type[BaseModel]] = {"tasks": TaskDefinition, **KINDS}
    for model in sections.values():
        found = model.model_json_schema(schema_generator=_WithWords, ref_template=_REFS)
        defs |= found.pop("$defs", {})
        defs[model.__name__] = found
    for one in defs.values():
        if "anyOf" in one and "additionalProperties" in one:  # of the object, not of the words
            one["anyOf"][0]["additionalProperties"] = one.pop("additionalProperties")
    defs["TaskDefinition"]["anyOf"][0]["required"] = [
        "id",
        "handler",
    ]  # a schedule may be left out where tasks come before
    items = {
        name: {"type": "array", "items": {"$ref": _REFS.format(model=model.__name__)}}
        for name, model in sections.items()
    }
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Task file of Mission Control",
        "anyOf": [
            {
                "type": "object",
                "properties": {"$schema": {"type": "string"}, **items},
                "additionalProperties": False,
            },
            items["tasks"],
        ],
        "$defs": dict(sorted(defs.items())),
    }
    return json.dumps(whole, indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema_of_task_files(), "utf-8")
