"""`mission-control task …`: one task at a time."""
