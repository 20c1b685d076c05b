"""The argument that names a run."""

from __future__ import annotations

import rich_click as click

execution_id = click.argument("execution_id")
