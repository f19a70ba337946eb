"""What every route shares: reading requests, limits and keys, errors, formats, metrics, OpenAPI."""
