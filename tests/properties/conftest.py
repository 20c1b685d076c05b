"""Hypothesis tries the same examples in each run; with `--hypothesis-profile=exploring` it tries others."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("exploring", deadline=None)
