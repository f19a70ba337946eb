"""Measurements of the real thing running; `python -m benchmarks` prints them all."""
