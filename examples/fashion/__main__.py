"""Train the example Fashion-MNIST and export it as the next version of `models/fashion`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from examples.command import add_common_flags, run


def main(arguments: Sequence[str]) -> None:
    """Run the command; exit with 1 if it fails, with 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.fashion", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the IDX files; default: download")
    parser.add_argument(
        "--cache", type=Path, default=Path("data/fashion"), help="folder that stores the IDX files"
    )
    add_common_flags(parser)
    run(parser.parse_args(arguments), _train)


def _train(flags: argparse.Namespace) -> None:
    # imported here, because --help should not wait for TensorFlow
    from examples.fashion.data import LABELS, load_fashion
    from examples.fashion.model import fashion_cnn
    from examples.training_loop import Example, train_and_export

    data = load_fashion(flags.cache, flags.data)
    example = Example("fashion", LABELS, input="grey,pad", epochs=10)
    train_and_export(fashion_cnn, data, example, flags.models, flags.seed)


if __name__ == "__main__":
    main(sys.argv[1:])
