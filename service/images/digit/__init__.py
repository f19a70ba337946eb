"""Preprocess an image of a digit as MNIST's authors did; the entry point is `preprocessing`."""
