"""`mission-control limit …`: named limits, which tasks refer to."""
