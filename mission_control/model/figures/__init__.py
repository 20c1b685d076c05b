"""What many runs have in common, in numbers: counts, distributions, and where they change."""
