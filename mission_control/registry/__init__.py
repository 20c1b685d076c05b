"""The registry: task definitions in Redis, in RedBeat's own layout plus ours."""
