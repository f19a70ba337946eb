"""The error of the export; importing it loads no library."""


class ExportError(Exception):
    """The model cannot be exported; the message names the layer or value and the reason."""
