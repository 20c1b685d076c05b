"""`mission-control audit …`: the permanent record of what ran."""
