"""Worked examples: models other than the lecture's, from data to a bundle. README.md lists them."""
