"""Check an HDF5 file before Keras reads weights from it.

HDF5 can refer to other files, name plugins as decompression filters, and declare arrays that are
far larger than what it stores. A saved model needs none of that.
"""

from collections.abc import Iterator
from math import prod
from pathlib import Path

import h5py

from training.archive import MAX_BYTES, MAX_CONFIG_BYTES
from training.errors import ExportError

SIGNATURE = b"\x89HDF\r\n\x1a\n"

MAX_RATIO = 100
_SMALL_BYTES = 1 << 20  # smaller arrays may have any ratio
_FILTERS = {
    h5py.h5z.FILTER_DEFLATE,
    h5py.h5z.FILTER_SHUFFLE,
    h5py.h5z.FILTER_FLETCHER32,
    h5py.h5z.FILTER_LZF,
}
_CONFIG = "model_config"


def check_weights(path: Path, name: str) -> int:
    """Check every link and array of an HDF5 file without reading the arrays.

    Args:
        path: the file.
        name: the name that messages give it.

    Returns:
        How many numbers its arrays hold together.

    Raises:
        ExportError: no HDF5 file, a link, data in other files, or arrays that are not stored.
    """
    with path.open("rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            raise ExportError(
                f"{name} is not an HDF5 file, or it is cut off. Save the model again with "
                "model.save('name.keras')."
            )
    numbers = size = 0
    with h5py.File(path, "r") as file:
        for dataset in _datasets(file, name):
            _check_dataset(dataset, name)
            numbers += prod(dataset.shape)
            size += prod(dataset.shape) * dataset.dtype.itemsize
            if size > MAX_BYTES:
                raise ExportError(
                    f"The arrays of {name} have more than {MAX_BYTES} bytes, which is the maximum."
                )
    return numbers


def read_config(path: Path, name: str) -> str:
    """Return the configuration in a model's HDF5 file, as JSON text.

    Raises:
        ExportError: no configuration, as in a file of weights only.
    """
    with h5py.File(path, "r") as file:
        config = file.attrs.get(_CONFIG)
    if config is None:
        raise ExportError(
            f"{name} has no attribute {_CONFIG}: it holds weights only. Save the whole model "
            "with model.save('name.keras'), not with save_weights."
        )
    if isinstance(config, bytes):
        config = config.decode()
    if not isinstance(config, str) or len(config) > MAX_CONFIG_BYTES:
        raise ExportError(
            f"The attribute {_CONFIG} of {name} must be a text of at most {MAX_CONFIG_BYTES} "
            "bytes. Save the model again with model.save('name.keras')."
        )
    return config


def replace_config(path: Path, config: str) -> None:
    """Replace the configuration in a model's HDF5 file."""
    with h5py.File(path, "r+") as file:
        del file.attrs[_CONFIG]
        file.attrs[_CONFIG] = config


def _datasets(file: h5py.File, name: str) -> Iterator[h5py.Dataset]:
    """Yield every array once, however many links lead to it."""
    groups, visited = [file["/"]], set()
    while groups:
        group = groups.pop()
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ExportError(
                    f"{name} contains the {type(link).__name__} {key[:80]!r}; links are not "
                    "allowed. Save the model again with model.save('name.keras')."
                )
            child = group[key]
            address = h5py.h5o.get_info(child.id).addr
            if address in visited:
                continue
            visited.add(address)
            if isinstance(child, h5py.Group):
                groups.append(child)
            elif isinstance(child, h5py.Dataset):
                yield child


def _check_dataset(dataset: h5py.Dataset, name: str) -> None:
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    size = prod(dataset.shape or ()) * dataset.dtype.itemsize
    reasons = {
        "is stored in another file": dataset.is_virtual or bool(dataset.external),
        "needs a filter other than gzip, lzf, shuffle or fletcher32": not filters <= _FILTERS,
        # V is how h5py stores bfloat16
        "does not hold numbers": dataset.dtype.kind not in "biufcV"
        or dataset.dtype.names is not None,
        "has no shape": dataset.shape is None,
        f"is more than {MAX_RATIO} times larger than what the file stores": size > _SMALL_BYTES
        and size > MAX_RATIO * dataset.id.get_storage_size(),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ExportError(
                f"{name} contains the array {dataset.name[-80:]!r}, which {reason}; only arrays "
                "of numbers in the file itself are allowed. Save the model again with "
                "model.save('name.keras')."
            )
