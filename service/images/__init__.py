"""Untrusted bytes to pixels (`decode`), and pixels to a model's input (`digit`)."""
