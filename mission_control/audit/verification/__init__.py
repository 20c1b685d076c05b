"""Checking an audit stream: its chains, and that every run ends once."""
