"""Firing: deciding about due occurrences, and committing them in one script."""
