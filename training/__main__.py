"""Parse the flags of `python -m training [train|evaluate|export]` and run the command.

Without a command, train and evaluate both recipes, and export the best as the next version.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from training.data import Mnist

# Backends read these when they are first imported: they allocate GPU memory as needed, not all.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


_ALL = (
    "train --recipe lecture",
    "evaluate --run runs/lecture",
    "train",
    "evaluate --lecture runs/lecture",
    "export",
)


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status: 0 for success, 1 for failure, 130 for Ctrl-C."""
    if not arguments:
        return _run_all()
    flags = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for library in ("tensorflow", "absl"):  # what they log is of no use to a user
        logging.getLogger(library).setLevel(logging.ERROR)
    if getattr(flags, "model", None) is not None:
        return _export_model(flags)
    # imported here, because --help should not wait for a backend
    from training.data import load_mnist
    from training.errors import TrainingError
    from training.idx import DataError
    from training.run_folder import Interrupted

    try:
        mnist = load_mnist(flags.cache, flags.data)
        flags.command(flags, mnist)
    except (DataError, TrainingError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"A file cannot be written or read ({error}). What is complete was kept; free space "
            "or correct the permissions, then run the same command again, train with --resume.",
            file=sys.stderr,
        )
        return 1
    except Interrupted as interruption:
        print(interruption, file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


def _run_all() -> int:
    """Run one command after the other; return the status of the first that fails, or 0."""
    models = Path("models")
    if models.exists() and not os.access(models, os.W_OK):  # known before it trains for minutes
        print(
            "models/ cannot be written; in a container, set TRAIN_USER to its owner, such as "
            "$(id -u):$(id -g).",
            file=sys.stderr,
        )
        return 1
    return next((status for command in _ALL if (status := main(command.split()))), 0)


def _train(flags: argparse.Namespace, mnist: "Mnist") -> None:
    from training.device import device_name
    from training.train import train_best, train_from, train_lecture

    run = flags.run or Path("runs") / flags.recipe
    if flags.start:
        logging.info("Fine-tuning %s on %s", flags.start, device_name())
        train_from(flags.start, mnist, run, flags.seed, flags.resume)
        return
    logging.info("Training recipe %r on %s", flags.recipe, device_name())
    train = train_lecture if flags.recipe == "lecture" else train_best
    train(mnist, run, flags.seed, flags.resume)


def _evaluate(flags: argparse.Namespace, mnist: "Mnist") -> None:
    if flags.robustness is not None:
        _write_card(flags, mnist)
        return
    import keras

    from training.evaluate import evaluate
    from training.progress import add_snapshots
    from training.report import read_history, write_report

    path = flags.run / "model.keras"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; run `python -m training train` first.")
    model = keras.models.load_model(path, compile=False)
    report = evaluate(model, mnist.test_images, mnist.test_labels)
    history = read_history(flags.run / "history.csv")
    write_report(flags.run, report, history, mnist.test_images, flags.lecture)
    add_snapshots(flags.run, model, mnist.test_images, mnist.test_labels, flags.lecture)
    print(
        f"accuracy {report.accuracy:.4f}  loss {report.loss:.4f}  "
        f"expected calibration error {report.expected_calibration_error:.4f}\n"
        f"{len(report.misclassified)} of {report.digits:,} digits misclassified; "
        f"the report is in {flags.run}"
    )


def _write_card(flags: argparse.Namespace, mnist: "Mnist") -> None:
    from service.errors import BundleError
    from training.card import PARTS, Card, validation_digits
    from training.served import Served, latest

    unknown = set(flags.robustness) - set(PARTS)
    if unknown:
        sys.exit(f"--robustness takes {', '.join(PARTS)}, not {', '.join(sorted(unknown))}.")
    try:
        served = Served(flags.bundle or latest(Path("models"), "mnist"))
    except BundleError as error:
        sys.exit(str(error))
    card = Card(served, mnist, flags.digits, flags.pictures)
    if flags.validation:
        card = validation_digits(card)
    else:
        card = replace(card, page=Path("docs/model-card.md"), failures=Path("docs/failures.md"))
    for part in flags.robustness or PARTS:
        for row in card.write(part):
            print(row, flush=True)


def _export(flags: argparse.Namespace, mnist: "Mnist") -> None:
    # imported here, because `train` needs no LiteRT
    from training.errors import ExportError
    from training.export import export

    try:
        export(flags.run, flags.models, flags.name or "mnist", mnist, flags.version)
    except ExportError as error:
        sys.exit(str(error))


def _export_model(flags: argparse.Namespace) -> int:
    """Export a user's model; return the exit status."""
    from training.errors import ExportError
    from training.export import Wanted, export_model

    try:
        wanted = Wanted(
            name=flags.name or flags.model.stem,
            labels=_lines(flags.labels) if flags.labels else None,
            input=flags.input,
            fit_images=flags.fit_images,
            imports=flags.imports,
            size=_size(flags.size) if flags.size else None,
            version=flags.version,
        )
        _, summary = export_model(flags.model, flags.models, wanted)
    except (ExportError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing was written.", file=sys.stderr)
        return 130
    print(summary)
    return 0


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        sys.exit(f"--size must be HEIGHTxWIDTH, such as 224x224, got {text!r}.")
    return int(height), int(width)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train, evaluate or export a CNN."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data", type=Path, help="folder of IDX files, or mnist.npz; default: download"
    )
    common.add_argument("--cache", type=Path, default=Path("data"), help="folder that stores MNIST")
    commands = parser.add_subparsers(required=True, metavar="[train|evaluate|export]")

    train = commands.add_parser("train", parents=[common], help="train a recipe into a run folder")
    train.add_argument("--recipe", choices=("lecture", "best"), default="best")
    train.add_argument("--run", type=Path, help="run folder (default: runs/<recipe>)")
    train.add_argument("--seed", type=int, default=11, help="default: the committed bundle's")
    train.add_argument(
        "--start",
        type=Path,
        metavar="MODEL.KERAS",
        help="fine-tune this model by the recipe best, instead of training one",
    )
    train.add_argument("--resume", action="store_true", help="continue an interrupted run")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate", parents=[common], help="measure a run on the test digits"
    )
    evaluate.add_argument("--run", type=Path, default=Path("runs/best"))
    evaluate.add_argument(
        "--lecture", type=Path, help="evaluated run of the recipe lecture, for comparison"
    )
    evaluate.add_argument(
        "--robustness",
        nargs="*",
        metavar="PART",
        help="measure an exported bundle instead, and write the model card and its failures; "
        "all parts, or those named: conditions surroundings outliers pages forms",
    )
    evaluate.add_argument("--bundle", type=Path, help="default: the latest of models/mnist")
    evaluate.add_argument(
        "--digits", type=int, default=2_000, help="under each of the conditions (default: 2000)"
    )
    evaluate.add_argument(
        "--pictures", type=int, default=300, help="of each kind in the other parts (default: 300)"
    )
    evaluate.add_argument(
        "--validation",
        action="store_true",
        help="measure on validation digits with other seeds, and write no page: for development",
    )
    evaluate.set_defaults(command=_evaluate)

    export = commands.add_parser(
        "export",
        parents=[common],
        help="write a run's model, or any Keras or ONNX model, as a bundle",
    )
    export.add_argument(
        "model", type=Path, nargs="?", help="a saved .keras, .h5 or .onnx model; default: the run's"
    )
    export.add_argument("--run", type=Path, default=Path("runs/best"))
    export.add_argument("--models", type=Path, default=Path("models"), help="folder of bundles")
    export.add_argument("--name", help="default: mnist for a run, else the file's name")
    export.add_argument("--labels", type=Path, help="file with the name of a class on each line")
    export.add_argument(
        "--input",
        help="how an image becomes the model's input, such as "
        "rgb,resize=256,crop=224,mean=0.485:0.456:0.406,std=0.229:0.224:0.225",
    )
    export.add_argument("--size", help="HEIGHTxWIDTH, for a model that takes any size")
    export.add_argument(
        "--fit-images", type=Path, help="folder of images like those to come, to flag others by"
    )
    export.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="MODULE",
        help="module that registers the model's custom classes",
    )
    export.add_argument("--version", type=int, help="default: the highest version plus one")
    export.set_defaults(command=_export)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
