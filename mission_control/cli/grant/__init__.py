"""`mission-control grant …`: what holders of tokens may do."""
