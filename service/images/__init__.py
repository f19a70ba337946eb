"""Decode untrusted image files (`decode`) and turn pixels into a model's input (`digit`)."""
