"""A bundle on disk, the engine that runs it, and what explains its values. No HTTP, no images."""
