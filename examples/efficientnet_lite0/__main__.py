"""Command line of the example: `python -m examples.efficientnet_lite0`."""

import argparse
import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main(arguments: list[str]) -> int:
    """Write the bundle and print what was measured; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.efficientnet_lite0",
        description="Write the bundle efficientnet-lite0, trained on ImageNet.",
    )
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of bundles")
    flags = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for library in ("tensorflow", "absl"):  # what they log is of no use to a user
        logging.getLogger(library).setLevel(logging.ERROR)
    # imported here, because --help should not wait for a backend
    from examples.efficientnet_lite0.bundle import write_bundle
    from examples.efficientnet_lite0.weights import WeightsError
    from training.errors import ExportError

    try:
        _, summary = write_bundle(flags.models)
    except (WeightsError, ExportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(summary)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
