"""The routes, one module a family; each reads a request, calls the domain, writes a response."""
