"""The weights of a bundle, each read from its file when it is used."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

Weight = NDArray[np.float32]


class Weights(Mapping[str, Weight]):
    """Weights by name, such as "conv2d/kernel". The file is mapped and not kept in memory."""

    def __init__(self, path: Path) -> None:
        """Open a file of safetensors.

        Raises:
            OSError, SafetensorError: it is missing, or not in its format.
        """
        file: Any = safe_open(path, "numpy")
        self._file = file
        self._names = dict.fromkeys(file.keys())

    def __getitem__(self, name: str) -> Weight:
        """Read a weight, float32."""
        if name not in self._names:
            raise KeyError(name)
        weight: Weight = self._file.get_tensor(name)
        return weight

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a weight without reading it."""
        return tuple(self._file.get_slice(name).get_shape())

    def at(self, name: str, *index: int | slice) -> Weight:
        """Read a part of a weight: a whole number selects, a slice keeps a part of the axis."""
        kept = tuple(slice(i, i + 1) if isinstance(i, int) else i for i in index)
        part: Weight = self._file.get_slice(name)[kept]
        axes = tuple(axis for axis, i in enumerate(index) if isinstance(i, int))
        return part.squeeze(axes) if axes else part
