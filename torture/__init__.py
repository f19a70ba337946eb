"""What the service withstands, measured: `make torture` writes docs/reliability.md."""
