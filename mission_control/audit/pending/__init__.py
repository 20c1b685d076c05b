"""Audit records that are not written yet: who keeps them, and who has written which."""
