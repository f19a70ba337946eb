"""The version of the code, as pyproject.toml has it (a test holds them equal)."""

VERSION = "0.1.0"
