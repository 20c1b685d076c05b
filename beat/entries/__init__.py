"""The entries of the schedule: reading those that are due, of every kind."""
