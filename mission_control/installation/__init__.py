"""The composition root: one installation, built from its settings."""
