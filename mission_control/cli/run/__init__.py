"""`mission-control run …`: one run at a time."""
