"""What beat checks before it works: settings and a Redis that keep schedules."""
