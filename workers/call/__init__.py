"""Calling a handler under its contract."""
