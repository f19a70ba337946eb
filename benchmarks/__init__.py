"""Benchmarks of running servers: `make bench` runs all and writes docs/benchmarks.md."""
