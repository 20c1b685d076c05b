"""The registry: task definitions in Redis, in RedBeat's layout with one more field."""
