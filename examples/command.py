"""Run the command of an example: its common flags, its log and its errors."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path


def add_common_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that every example has."""
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of bundles")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")


def run(flags: argparse.Namespace, train: Callable[[argparse.Namespace], None]) -> None:
    """Train an example; exit with 1 and one message if it fails, with 130 after Ctrl-C.

    Args:
        flags: of the command line.
        train: imports TensorFlow itself, after its variables are set here.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # stdout, to which Keras writes its progress, so that the order of the lines is kept
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for library in ("tensorflow", "absl"):  # what they log is of no use to a user
        logging.getLogger(library).setLevel(logging.ERROR)
    from training.errors import ExportError
    from training.idx import DataError

    try:
        train(flags)
    except (DataError, ExportError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        logging.info("Interrupted; nothing was written.")
        sys.exit(130)
