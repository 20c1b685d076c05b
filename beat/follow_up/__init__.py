"""What a commit leaves to be done: audit records, parked messages, the outbox."""
