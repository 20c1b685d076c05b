from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from mission_control import model

MODULES = [found.name for found in pkgutil.walk_packages(model.__path__, f"{model.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
