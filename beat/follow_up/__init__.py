"""The work after a commit: audit records, parked messages, the outbox."""
