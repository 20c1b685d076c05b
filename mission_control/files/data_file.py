"""Reading a file of JSON, YAML or TOML, by the ending of its name."""

import tomllib
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from mission_control.errors import TaskFileError
from mission_control.files.json_file import parse_json, read_content

YAML_ENDINGS: Final = frozenset({".yaml", ".yml"})
TOML_ENDING: Final = ".toml"


def read_data_file(
    path: Path,
    parse_json: Callable[[bytes, Path], Any] = parse_json,
) -> Any:  # noqa: ANN401  # whatever the file holds
    """Return what a file holds, as JSON would have it; a key that stands twice in one object is an error.

    A name that ends in `.yaml`, `.yml` or `.toml` says the format; every other file is JSON. Dates and times
    come back as the text that stands there.

    Raises:
        TaskFileError: names the file, the place in it and the remedy.
        UnsafePathError: another user could change it.
    """
    content, ending = read_content(path), path.suffix.lower()
    if ending in YAML_ENDINGS:
        from mission_control.files.yaml_text import parse_yaml

        return _parsed(parse_yaml, content, path, "YAML")
    return _parsed(_parse_toml, content, path, "TOML") if ending == TOML_ENDING else parse_json(content, path)


def _parsed(parse: Callable[[str], Any], content: bytes, path: Path, language: str) -> Any:  # noqa: ANN401
    try:
        return parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TaskFileError(f"{path}: is not UTF-8: byte {error.start}; save it as UTF-8") from error
    except RecursionError as error:
        raise TaskFileError(f"{path}: is nested too deeply for a task file; use fewer levels") from error
    except ValueError as error:
        raise TaskFileError(f"{path}: is not valid {language}: {error}") from error


def _parse_toml(text: str) -> Any:  # noqa: ANN401
    return _as_json(tomllib.loads(text))


def _as_json(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _as_json(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, date | time) else value
