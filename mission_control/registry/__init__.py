"""The registry: task definitions in Redis, in RedBeat's own layout plus ours."""

from mission_control.registry.registry import Registry

__all__ = ["Registry"]
