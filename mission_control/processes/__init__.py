"""Beat and workers as processes: starting, stopping, heartbeats, and both in one process."""
