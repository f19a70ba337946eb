"""Load a user's model, `.keras`, `.h5` or `.onnx`, without running anything that it contains.

`archive.py`, `weights_file.py` and `model_config.py` check the three layers of a file of Keras,
which gets a copy that holds only what they accepted. `onnx_import` reads ONNX files.
"""

import contextlib
import importlib
import json
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import keras

from training.archive import CONFIG, MAX_BYTES, METADATA, WEIGHTS, extract_archive
from training.errors import ExportError
from training.model_config import parse_config, set_input_size
from training.onnx_import.importing import import_model
from training.weights_file import check_weights, read_config, replace_config

MAX_CAUSE = 200
ONNX = ".onnx"
# A model may create this many more numbers than its file holds, such as states of random layers.
SPARE_NUMBERS = 1_000_000


def load_model(
    path: Path, imports: Sequence[str] = (), size: tuple[int, int] | None = None
) -> keras.Model:
    """Load a model from a `.keras`, `.h5` or `.onnx` file; the model is not compiled.

    Args:
        path: the file; it is not changed.
        imports: modules that register the model's own classes with
            `keras.saving.register_keras_serializable`. They are imported, so they must be trusted.
        size: height and width of the input, for a model whose input has an unknown size.

    Raises:
        ExportError: the file is damaged or hostile, or the model needs a class that is not
            registered, or its input size is unknown. The message is one line.
    """
    for module in imports:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise ExportError(
                f"--import {_one_line(module)}: the module cannot be imported "
                f"({_cause(error)}). Pass the name of a module on Python's path."
            ) from error
    name = _check_file(path)
    try:
        if path.suffix == ONNX:
            model = import_model(path, size)
        else:
            with tempfile.TemporaryDirectory(prefix="convscope-") as folder:
                model = _load(path, Path(folder), size)
    except ExportError as error:
        raise ExportError(_printable(str(error))) from error
    except MemoryError:
        raise
    except Exception as error:  # Keras, h5py, zipfile and TensorFlow raise many types
        kind, remedy = f"model that Keras {keras.__version__} saved", "model.save('name.keras')"
        if path.suffix == ONNX:
            kind, remedy = "supported ONNX model", "torch.onnx.export"
        raise ExportError(
            f"{name} cannot be loaded: it is damaged, or not a {kind} ({_cause(error)}). "
            f"Save it again with {remedy}."
        ) from error
    _check_input(model, name, size)
    return model


def _check_file(path: Path) -> str:
    """Return the file's name for messages; raise an ExportError where it cannot be a model."""
    name = _one_line(path.name)
    if path.suffix not in (".keras", ".h5", ".hdf5", ONNX):
        raise ExportError(
            f"{name} must end in .keras, .h5 or .onnx. Save the model with "
            "model.save('name.keras'), or export it with torch.onnx.export."
        )
    if not path.is_file():
        raise ExportError(f"{name} is not a file. Pass the path of a saved model.")
    if path.stat().st_size > MAX_BYTES:
        raise ExportError(
            f"{name} has {path.stat().st_size} bytes, at most {MAX_BYTES} are allowed."
        )
    return name


def _load(path: Path, folder: Path, size: tuple[int, int] | None) -> keras.Model:
    """Check the file, copy what is allowed into a folder, and load that with Keras."""
    if path.suffix == ".keras":
        config = parse_config(extract_archive(path, folder))
        weights = source = folder / WEIGHTS
    else:
        weights = source = folder / "model.h5"
        shutil.copyfile(path, weights)
    numbers = check_weights(weights, path.name)
    if path.suffix != ".keras":
        config = parse_config(read_config(weights, path.name))
    if size is not None:
        set_input_size(config, size)
    if path.suffix == ".keras":
        (folder / CONFIG).write_text(json.dumps(config))
        (folder / METADATA).write_text(json.dumps({"keras_version": keras.__version__}))
        source = folder
    else:
        replace_config(weights, json.dumps(config))
    with warnings.catch_warnings(), _limit_variables(2 * numbers + SPARE_NUMBERS):
        warnings.simplefilter("ignore")
        # Keras only warns where it leaves weights at their random initial values.
        warnings.filterwarnings("error", message="Skipping")
        model = keras.saving.load_model(source, compile=False, safe_mode=True)
    if not isinstance(model, keras.Model):
        raise ExportError(
            f"{path.name} holds a {type(model).__name__}, not a model. Put it into a "
            "keras.Sequential and save that."
        )
    return model


@contextlib.contextmanager
def _limit_variables(limit: int) -> Iterator[None]:
    """Raise an ExportError before the variables created in this context exceed a limit.

    A configuration can declare weights of any size, and Keras allocates them before it compares
    them with the file.
    """
    import tensorflow as tf

    created = 0

    def create(next_creator: Any, **arguments: Any) -> Any:
        nonlocal created
        value = arguments["initial_value"]
        if callable(value):
            with tf.Graph().as_default():  # builds operations without running them
                value = value()
        created += prod(int(length) for length in value.shape)
        if created > limit:
            raise ExportError(
                f"The configuration declares weights of more than {limit} numbers, which the file "
                "does not hold. Save the model again with model.save('name.keras')."
            )
        return next_creator(**arguments)

    with tf.variable_creator_scope(create):
        yield


def _check_input(model: keras.Model, name: str, size: tuple[int, int] | None) -> None:
    """Raise an ExportError where the model has no weights yet or no fixed input size."""
    if not model.built:
        raise ExportError(
            f"{name} was saved before the model was built, so it has no input size and no weights. "
            "Start the model with keras.Input, or call it once, and save it again."
        )
    for shape in _input_shapes(model):
        if len(shape) not in (3, 4):
            continue
        height, width = shape[1:3]
        if None in (height, width):
            raise ExportError(
                f"{name} has an input of unknown size, {height} × {width}; an export needs a fixed "
                "one. Pass --size with the height and width of your images."
            )
        if size is not None and (height, width) != size:
            raise ExportError(
                f"{name} has an input of {height} × {width}, so --size cannot be "
                f"{size[0]} × {size[1]}. Leave out --size."
            )


def _input_shapes(model: keras.Model) -> list[tuple[int | None, ...]]:
    """Return the shapes of the model's inputs; those it was built with where it is subclassed."""
    inputs = getattr(model, "inputs", None)
    if inputs:
        return [tuple(tensor.shape) for tensor in inputs]
    build = model.get_build_config() or {}
    shapes = [build.get("input_shape"), *(build.get("shapes_dict") or {}).values()]
    return [tuple(shape) for shape in shapes if isinstance(shape, (list, tuple))]


def _cause(error: BaseException) -> str:
    """Return an exception as one short line."""
    text = str(error)
    # Keras lists every layer whose weights it could not load; the first one's error is enough.
    found = re.search(
        r"Example error message for object (.*?):\n\n(.*?)( Target variable|\n\nList of)",
        text[:20_000],
        re.DOTALL,
    )
    text = f"{found[1]} {found[2]}" if found else text
    return f"{type(error).__name__}: {_one_line(text)}"


def _one_line(text: str) -> str:
    """Return a text on one line, without its middle where it is long."""
    text = _printable(text)
    # Keras's messages end with the cause.
    return text if len(text) <= MAX_CAUSE else f"{text[:80]} … {text[83 - MAX_CAUSE :]}"


def _printable(text: str) -> str:
    """Return a text on one line, without control characters and the temporary folder."""
    text = " ".join(text.replace(tempfile.gettempdir() + "/", "").split())
    return "".join(letter if letter.isprintable() else "?" for letter in text)
