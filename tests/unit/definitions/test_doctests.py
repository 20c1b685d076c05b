from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

from mission_control.model import definitions

MODULES = [found.name for found in pkgutil.walk_packages(definitions.__path__, f"{definitions.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
