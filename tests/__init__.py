"""Tests, laid out as the two packages are; `e2e` asks the running server."""
