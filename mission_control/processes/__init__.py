"""Beat and workers as processes: starting, stopping, signs of life, and both in one process."""
