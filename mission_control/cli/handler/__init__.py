"""`mission-control handler …`: what tasks can run."""
