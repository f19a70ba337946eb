"""Bundles on disk, the engine that runs them, and the explanations of their values."""
