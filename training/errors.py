"""The errors of training and export; importing them loads no library."""


class TrainingError(Exception):
    """Training cannot go on; the message has the reason and what to do."""


class ExportError(Exception):
    """The model cannot be exported; the message names the layer or value and the reason."""
