"""Measurements of running servers: `make bench` takes them all and writes docs/benchmarks.md."""
