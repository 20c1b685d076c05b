"""The entries of RedBeat's sorted set: reading those that are due, of every kind."""
