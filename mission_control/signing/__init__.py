"""Signatures: what Redis holds runs only if a process that has a signing key wrote it."""
