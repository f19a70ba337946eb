"""The error that stops an export."""


class ExportError(Exception):
    """A model cannot be exported; the message names the layer, file or value, and what to do."""
