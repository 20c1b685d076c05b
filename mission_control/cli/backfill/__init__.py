"""`mission-control task backfill`, and `mission-control backfill …`."""
