"""Draw shapes, train the example on them, and export it as the next version of `models/shapes`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.command import add_common_flags, run
from examples.shapes.data import LABELS, contact_sheet, draw_data


def main(arguments: Sequence[str]) -> None:
    """Run the command; exit with 1 if it fails, with 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.shapes", description=__doc__)
    parser.add_argument(
        "--samples", type=Path, metavar="FILE.png", help="only draw a sheet of samples"
    )
    add_common_flags(parser)
    flags = parser.parse_args(arguments)
    if flags.samples:
        contact_sheet(flags.samples)
    else:
        run(flags, _train)


def _train(flags: argparse.Namespace) -> None:
    # imported here, because --help and --samples should not wait for TensorFlow
    from examples.shapes.model import shapes_resnet
    from examples.training_loop import Example, train_and_export

    example = Example("shapes", LABELS, input="rgb,stretch", epochs=10, batch_size=64)
    train_and_export(shapes_resnet, draw_data(flags.seed), example, flags.models, flags.seed)


if __name__ == "__main__":
    main(sys.argv[1:])
