"""Measuring beat beside stock RedBeat: `python -m benchmarks`, described in `benchmarks/README.md`."""
