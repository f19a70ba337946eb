"""Define the routes, one module per family."""
