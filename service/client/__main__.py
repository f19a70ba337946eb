"""`python -m service.client`: ask a ConvScope service from the command line.

predict       a table (or JSON lines) of files, digits and confidences
activations   the values inside the network, into a .npz file or a picture
explain       the arithmetic behind one cell, as JSON

Exit status: 0 when everything was answered, 1 when something was not, 2 for a wrong argument.
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

from service.client import Client, ConvScopeError, Prediction, Problem

try:
    from tqdm import tqdm
except ImportError:  # a bar is welcome, not needed
    tqdm = None


def main() -> int:
    """Run one command; the exit status."""
    arguments = _parser().parse_args()
    # its warnings tell of every retry; what matters is how they end
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    try:
        key = arguments.api_key_file and arguments.api_key_file.read_text().strip()
        with Client(arguments.url, arguments.timeout, api_key=key) as client:
            status: int = arguments.run(client, arguments)
            return status
    except (ConvScopeError, OSError) as error:
        print(_reason(error), file=sys.stderr)
        return 1


def predict(client: Client, arguments: argparse.Namespace) -> int:
    """A line a file; a file that fails is told on stderr, and the others are still answered."""
    width = max(4, *map(len, arguments.files))
    if not arguments.json:
        print(f"{'file':<{width}}  digit  confidence")
    failed = 0
    for file in _with_bar(arguments.files):
        try:
            found = client.predict(file, **_choices(arguments))
        except (Problem, OSError) as error:
            _say(f"{file}: {error}" if isinstance(error, Problem) else _reason(error), sys.stderr)
            failed = 1
            continue
        if arguments.json:
            _say(json.dumps({"file": file, **_flat(found)}), sys.stdout)
        else:
            _say(f"{file:<{width}}  {found.label:>5}  {found.confidence:>10.4f}", sys.stdout)
    return failed


def activations(client: Client, arguments: argparse.Namespace) -> int:
    """The layers of one picture into the files that were named."""
    if not (arguments.output or arguments.sheet):
        arguments.usage_error("name what to write: -o FILE, --sheet FILE or both")
    asked = (arguments.file, arguments.layers, arguments.stage)
    if arguments.output:
        np.savez(arguments.output, **client.activations(*asked, **_choices(arguments)))  # type: ignore[arg-type]
    if arguments.sheet:
        arguments.sheet.write_bytes(client.sheet(*asked, **_choices(arguments)))
    return 0


def explain(client: Client, arguments: argparse.Namespace) -> int:
    """The arithmetic behind one cell."""
    cell = (arguments.layer, arguments.channel, arguments.row, arguments.column)
    told = client.explain(arguments.file, *cell, **_choices(arguments))
    print(json.dumps(told, indent=None if arguments.json else 2))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m service.client", description="Ask a ConvScope service about digits."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = _shared_flags()
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print JSON, one line an answer")
    _add_predict(commands, [shared, as_json])
    _add_activations(commands, [shared])
    _add_explain(commands, [shared, as_json])
    return parser


def _shared_flags() -> argparse.ArgumentParser:
    """Where the service is, and how it is to answer: the same for every command."""
    flags = argparse.ArgumentParser(add_help=False)
    flags.add_argument("--url", default="http://127.0.0.1:8000", help="default: %(default)s")
    flags.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS")
    # a key on the command line would stand in every list of processes
    flags.add_argument("--api-key-file", type=Path, metavar="FILE")
    flags.add_argument("--preprocess", choices=("auto", "mnist", "none"))
    flags.add_argument("--model", help="its name; default: the service's choice")
    flags.add_argument("--version", type=int, help="of the model")
    return flags


def _add_predict(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("predict", parents=parents, help="which digit each picture shows")
    command.set_defaults(run=predict)
    command.add_argument("files", nargs="+", metavar="FILE", help="pictures")


def _add_activations(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "activations", parents=parents, help="the values inside the network"
    )
    command.set_defaults(run=activations, usage_error=command.error)
    command.add_argument("file", metavar="FILE", help="picture")
    command.add_argument("--layers", default="conv", help="conv (default), all, or names: a,b")
    command.add_argument(
        "--stage",
        choices=("post", "pre"),
        default="post",
        help="after the activation function (default) or before it",
    )
    command.add_argument("-o", "--output", type=Path, help="write the values as .npz")
    command.add_argument("--sheet", type=Path, help="write a picture of the maps as .png")


def _add_explain(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "explain", parents=parents, help="the arithmetic behind one cell, as JSON"
    )
    command.set_defaults(run=explain)
    command.add_argument("file", metavar="FILE", help="picture")
    command.add_argument("--layer", required=True, help="its name")
    command.add_argument("--channel", type=int, required=True, help="or unit, from 0")
    command.add_argument("--row", type=int, help="of the activation map, from 0")
    command.add_argument("--column", type=int, help="of the activation map, from 0")


def _choices(arguments: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(arguments, name) for name in ("preprocess", "model", "version")}


def _with_bar(files: list[str]) -> Iterable[str]:
    """The files, with a bar where there are several, and someone to see it."""
    if tqdm is None or len(files) == 1:
        return files
    bar: Iterable[str] = tqdm(files, unit="file", leave=False, disable=None)
    return bar


def _say(text: str, file: TextIO) -> None:
    """Print, around the bar where there is one."""
    if tqdm is None:
        print(text, file=file)
    else:
        tqdm.write(text, file=file)


def _flat(found: Prediction) -> dict[str, Any]:
    told = asdict(found)
    extra: dict[str, Any] = told.pop("extra")
    return told | extra


def _reason(error: Exception) -> str:
    """As a line; of an `OSError` the file and the words, without Python's number before them."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
