"""Many images to Parquet: locally on every core, or on a Ray cluster."""
