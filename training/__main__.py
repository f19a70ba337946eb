"""`python -m training train|evaluate|export`: flags only; the work is done in the modules."""

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

    from training.data import Mnist

# read by the backends when they are first imported: take a GPU's memory as needed, not all of it
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main() -> int:
    """Run one command; 0 when done, 1 when it could not be, 130 when interrupted."""
    flags = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # after the flags: --help should not wait for a backend to load
    from training.data import DataError, load_mnist
    from training.export import ExportError
    from training.train import Interrupted

    try:
        mnist = load_mnist(flags.cache, flags.data)
        flags.command(flags, mnist)
    except (DataError, ExportError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return 0


def _train(flags: argparse.Namespace, mnist: "Mnist") -> None:
    from training.train import device_name, train_best, train_lecture

    logging.info("Training recipe %r on %s", flags.recipe, device_name())
    train = train_lecture if flags.recipe == "lecture" else train_best
    train(mnist, flags.run or Path("runs") / flags.recipe, flags.seed, flags.resume)


def _evaluate(flags: argparse.Namespace, mnist: "Mnist") -> None:
    import keras

    from training.evaluate import evaluate
    from training.report import read_history, write_report

    saved = flags.run / "model.keras"
    if not saved.exists():
        raise FileNotFoundError(f"{saved} is not there: train first.")
    model = keras.models.load_model(saved, compile=False)
    report = evaluate(model, mnist.test_images, mnist.test_labels)
    history = read_history(flags.run / "history.csv")
    write_report(flags.run, report, history, mnist.test_images, flags.lecture)
    print(
        f"accuracy {report.accuracy:.4f}  loss {report.loss:.4f}  "
        f"expected calibration error {report.expected_calibration_error:.4f}\n"
        f"{len(report.misclassified)} of {report.digits:,} wrong; "
        f"report and pictures in {flags.run}"
    )
    if flags.robustness:
        _measure_robustness(model, mnist)


def _measure_robustness(model: "keras.Model", mnist: "Mnist") -> None:
    from training import robustness

    accuracies = list(robustness.measure(model, mnist))
    separations = list(robustness.separate(model, mnist))
    page = Path("docs/model-card.md")
    robustness.write_tables(page, accuracies, separations)
    for row in (*accuracies, *separations):
        print(row)
    print(f"written to {page}")


def _export(flags: argparse.Namespace, mnist: "Mnist") -> None:
    from training.export import export

    export(flags.run, flags.models, flags.name, mnist, flags.version)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, help="folder of IDX files, or mnist.npz; else fetched")
    common.add_argument("--cache", type=Path, default=Path("data"), help="where MNIST is kept")
    commands = parser.add_subparsers(required=True, metavar="train|evaluate|export")

    train = commands.add_parser("train", parents=[common], help="train a recipe into a run folder")
    train.add_argument("--recipe", choices=("lecture", "best"), default="best")
    train.add_argument("--run", type=Path, help="run folder (default: runs/<recipe>)")
    train.add_argument("--seed", type=int, default=11, help="default: the committed bundle's")
    train.add_argument("--resume", action="store_true", help="go on where a run was interrupted")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser(
        "evaluate", parents=[common], help="measure a run on test digits"
    )
    evaluate.add_argument("--run", type=Path, default=Path("runs/best"))
    evaluate.add_argument(
        "--lecture", type=Path, help="evaluated run of the recipe lecture, to compare with"
    )
    evaluate.add_argument(
        "--robustness", action="store_true", help="also as people send digits; into the model card"
    )
    evaluate.set_defaults(command=_evaluate)

    export = commands.add_parser("export", parents=[common], help="write a run's model as a bundle")
    export.add_argument("--run", type=Path, default=Path("runs/best"))
    export.add_argument("--models", type=Path, default=Path("models"), help="where bundles lie")
    export.add_argument("--name", default="mnist")
    export.add_argument("--version", type=int, help="default: the highest there is, plus one")
    export.set_defaults(command=_export)
    return parser


if __name__ == "__main__":
    sys.exit(main())
