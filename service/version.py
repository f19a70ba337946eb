"""The version of the project; pyproject.toml and the API read it from here."""

VERSION = "0.1.0"
