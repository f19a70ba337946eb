"""Whatever stands for an image → request bodies. Knows files, arrays and bytes, and no service.

Pictures travel as they are, so that the service sees every pixel; arrays as `.npy`.
"""

import io
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

# well below what a service takes by default, so that a long list needs no thought
BODY_BYTES = 4 * 2**20


class Savable(Protocol):
    """A picture that writes itself into a file: Pillow's `Image`, known by this method alone."""

    def save(self, file: io.BytesIO, kind: str, /) -> None:
        """Write the picture, encoded as `kind`."""


Picture: TypeAlias = str | os.PathLike[str] | bytes | bytearray | Savable
Image: TypeAlias = Picture | NDArray[Any]
# not any Sequence: a path is one of strings
Images: TypeAlias = Image | list[Any] | tuple[Any, ...]
Body: TypeAlias = dict[str, Any]  # arguments of `requests`


def split(images: Images) -> tuple[list[Image], bool]:
    """The images one by one, and whether it is a single one that stood in no list.

    An array is a single image where it has two axes, or a last one of 1 or 3 channels besides;
    otherwise its first axis counts images.
    """
    if isinstance(images, list | tuple):
        return list(images), False
    if isinstance(images, np.ndarray):
        if images.ndim < 3 or (images.ndim == 3 and images.shape[-1] in (1, 3)):
            return [images], True
        return list(images), False
    return [images], True


def bodies(images: Iterable[Image], most: int) -> Iterator[Body]:
    """The bodies that bring the images to the service, in their order.

    Neighbours of one kind share a body, as far as its limits go. Files are read only when their
    turn comes, so a list may be longer than memory.

    Args:
        images: single ones.
        most: images a body.

    Raises:
        OSError: a file cannot be read.
        TypeError: something is no image.
    """
    for kind, alike in itertools.groupby(map(_encode, images), key=_kind):
        for chunk in _chunks(alike, most):
            yield _pictures(chunk) if kind is bytes else _arrays(chunk)


def _encode(image: Image) -> bytes | NDArray[Any]:
    if isinstance(image, np.ndarray):
        return image
    if isinstance(image, bytes | bytearray):
        return bytes(image)
    if isinstance(image, str | os.PathLike):
        return Path(image).read_bytes()
    if hasattr(image, "save"):
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()
    raise TypeError(
        f"An image is a path, bytes, a NumPy array or a PIL image, not {type(image).__name__}."
    )


def _kind(image: bytes | NDArray[Any]) -> object:
    """What neighbours must have in common to share a body."""
    return bytes if isinstance(image, bytes) else (image.shape, image.dtype)


def _chunks(images: Iterable[Any], most: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size = 0
    for image in images:
        length = len(image) if isinstance(image, bytes) else image.nbytes
        if chunk and (len(chunk) == most or size + length > BODY_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(image)
        size += length
    yield chunk


def _pictures(files: list[bytes]) -> Body:
    if len(files) == 1:  # spares the service a form to take apart
        return {"data": files[0], "headers": {"Content-Type": "application/octet-stream"}}
    return {"files": [("image", ("image", file)) for file in files]}


def _arrays(digits: list[NDArray[Any]]) -> Body:
    out = io.BytesIO()
    np.save(out, np.stack(digits), allow_pickle=False)  # (N, …)
    return {"data": out.getvalue(), "headers": {"Content-Type": "application/x-npy"}}
