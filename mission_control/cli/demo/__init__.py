"""`mission-control demo`: three tasks that really run."""
