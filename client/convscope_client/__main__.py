"""Query a ConvScope service from the command line.

predict       print a table (or JSON lines) of files, digits and confidences
segment       print a table (or JSON lines) of the digits of an image, or of the cells of its grid
activations   save the values of layers as .npz, or their maps as a PNG
explain       print the arithmetic behind one cell as JSON

The exit status is 0 if everything succeeded, 1 after an error, 2 for wrong arguments.
"""

import argparse
import json
import logging
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from convscope_client.client import Client
from convscope_client.errors import ClientError, Problem
from convscope_client.results import Explanation, Prediction, Segment

try:
    from tqdm import tqdm
except ImportError:  # the progress bar is optional
    tqdm = None


def main() -> int:
    """Run one command and return the exit status."""
    arguments = _parser().parse_args()
    # urllib3 warns of every retry; only the last result matters to the user
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        key = arguments.api_key_file and arguments.api_key_file.read_text().strip()
        with Client(arguments.url, arguments.timeout, api_key=key) as client:
            status: int = arguments.run(client, arguments)
            return status
    except (ClientError, OSError) as error:
        print(_message(error), file=sys.stderr)
        return 1


def predict(client: Client, arguments: argparse.Namespace) -> int:
    """Print a line per file; report a file that fails on stderr and continue with the next."""
    width = max(4, *map(len, arguments.files))
    if not arguments.json:
        print(f"{'file':<{width}}  digit  confidence")
    status = 0
    for file in _with_progress(arguments.files):
        try:
            prediction = client.predict(file, details=arguments.details, **_options(arguments))
        except (Problem, OSError) as error:
            message = f"{file}: {error}" if isinstance(error, Problem) else _message(error)
            _write(message, sys.stderr)
            status = 1
            continue
        if arguments.json:
            _write(json.dumps({"file": file, **_prediction_json(prediction)}), sys.stdout)
        else:
            columns = f"{prediction.label:>5}  {prediction.confidence:>10.4f}"
            _write(f"{file:<{width}}  {columns}", sys.stdout)
    return status


def segment(client: Client, arguments: argparse.Namespace) -> int:
    """Print a line per segment of an image, in reading order."""
    options = {name: getattr(arguments, name) for name in ("grid", "details", "model", "version")}
    segments = client.segment(arguments.file, **options)
    if arguments.json:
        for each in segments:
            print(json.dumps(_prediction_json(each)))
        return 0
    print("row  " + "column  " * arguments.grid + "digit  confidence")
    for each in segments:
        column = f"{each.column:>6}  " if arguments.grid else ""
        digit = (
            f"{each.label:>5}  {each.confidence:>10.4f}" if each.is_digit else "    -           -"
        )
        print(f"{each.row:>3}  {column}{digit}")
    return 0


def activations(client: Client, arguments: argparse.Namespace) -> int:
    """Save the layers of an image to the files in the arguments."""
    if not (arguments.output or arguments.sheet):
        arguments.usage_error("name what to write: -o FILE, --sheet FILE or both")
    selection = (arguments.file, arguments.layers, arguments.stage)
    if arguments.output:
        arrays = client.activations(*selection, **_options(arguments))
        np.savez(arguments.output, **arrays)  # type: ignore[arg-type]
    if arguments.sheet:
        arguments.sheet.write_bytes(client.sheet(*selection, **_options(arguments)))
    return 0


def explain(client: Client, arguments: argparse.Namespace) -> int:
    """Print the arithmetic behind one cell."""
    cell = (arguments.layer, arguments.channel, arguments.row, arguments.column)
    explanation = client.explain(arguments.file, *cell, top=arguments.top, **_options(arguments))
    indent = None if arguments.json else 2
    print(json.dumps(_explanation_json(explanation), indent=indent))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "convscope", description="Classify digits with a ConvScope service."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared, preprocess = _shared_options(), argparse.ArgumentParser(add_help=False)
    preprocess.add_argument("--preprocess", choices=("auto", "mnist", "none"))
    as_json, details = (argparse.ArgumentParser(add_help=False) for _ in range(2))
    as_json.add_argument("--json", action="store_true", help="print one JSON object per line")
    details.add_argument(
        "--details", action="store_true", help="with --json: print all of the preprocessing"
    )
    _add_predict(commands, [shared, preprocess, as_json, details])
    _add_segment(commands, [shared, as_json, details])
    _add_activations(commands, [shared, preprocess])
    _add_explain(commands, [shared, preprocess, as_json])
    return parser


def _shared_options() -> argparse.ArgumentParser:
    """Return the options of every command."""
    options = argparse.ArgumentParser(add_help=False)
    options.add_argument("--url", default="http://127.0.0.1:8000", help="default: %(default)s")
    options.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS")
    # a key in the arguments would be visible in the list of processes
    options.add_argument("--api-key-file", type=Path, metavar="FILE")
    options.add_argument("--model", help="name of the model; default: the service's default")
    options.add_argument("--version", type=int, help="version of the model")
    return options


def _add_predict(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("predict", parents=parents, help="classify each image")
    command.set_defaults(run=predict)
    command.add_argument("files", nargs="+", metavar="FILE", help="image files")


def _add_segment(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "segment", parents=parents, help="classify each digit of an image"
    )
    command.set_defaults(run=segment)
    command.add_argument("file", metavar="FILE", help="image file")
    command.add_argument(
        "--grid", action="store_true", help="classify each cell of the image's grid"
    )


def _add_activations(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("activations", parents=parents, help="save the values of layers")
    command.set_defaults(run=activations, usage_error=command.error)
    command.add_argument("file", metavar="FILE", help="image file")
    command.add_argument("--layers", default="conv", help="conv (default), all, or names: a,b")
    command.add_argument(
        "--stage",
        choices=("post", "pre"),
        default="post",
        help="after the activation function (default) or before it",
    )
    command.add_argument("-o", "--output", type=Path, help="write the values as .npz")
    command.add_argument("--sheet", type=Path, help="write the activation maps as .png")


def _add_explain(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "explain", parents=parents, help="print the arithmetic behind one cell as JSON"
    )
    command.set_defaults(run=explain)
    command.add_argument("file", metavar="FILE", help="image file")
    command.add_argument("--layer", required=True, help="name of the layer")
    command.add_argument("--channel", type=int, required=True, help="channel or unit, from 0")
    command.add_argument("--row", type=int, help="row of the activation map, from 0")
    command.add_argument("--column", type=int, help="column of the activation map, from 0")
    command.add_argument("--top", type=int, help="list only the largest terms; default: all")


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("preprocess", "model", "version")}


def _with_progress(files: list[str]) -> Iterable[str]:
    """Yield the files; show a progress bar for several files on a terminal."""
    if tqdm is None or len(files) == 1:
        return files
    bar: Iterable[str] = tqdm(files, unit="file", leave=False, disable=None)
    return bar


def _write(text: str, file: TextIO) -> None:
    """Print a line without damaging the progress bar."""
    if tqdm is None:
        print(text, file=file)
    else:
        tqdm.write(text, file=file)


def _prediction_json(prediction: Prediction | Segment) -> dict[str, Any]:
    """Return a prediction as the service's JSON has it, with its model and a segment's place."""
    values = asdict(prediction)
    extra: dict[str, Any] = values.pop("extra")
    return values | extra


def _explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as the service's JSON has it."""
    prediction = _prediction_json(explanation.prediction)
    model = prediction.pop("model")
    trace = asdict(explanation.trace)
    return {"model": model, "predictions": [prediction], "explanation": trace}


def _message(error: Exception) -> str:
    """Return an error as one line; without the error number of an `OSError`."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
