"""Measuring beat against stock RedBeat: `python -m benchmarks`, described in `benchmarks/README.md`."""
