"""Convert images to request bodies: image files unchanged, arrays as `.npy`."""

import io
import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

# well below the service's default limit
MAX_BODY_BYTES = 4 * 2**20


class Savable(Protocol):
    """An image that can encode itself: Pillow's `Image`, which this package does not import."""

    def save(self, file: io.BytesIO, format: str, /) -> None:  # noqa: A002 - Pillow's name
        """Write the image, encoded in that format."""


EncodedImage: TypeAlias = str | os.PathLike[str] | bytes | bytearray | Savable
Image: TypeAlias = EncodedImage | NDArray[Any]
# not Sequence, because a path is a sequence of strings
Images: TypeAlias = Image | list[Any] | tuple[Any, ...]
Body: TypeAlias = dict[str, Any]  # arguments of requests.Session.request


def split(images: Images) -> tuple[list[Image], bool]:
    """Return the images one by one, and whether the argument is a single image.

    An array is a single image if it has two axes, or three with 1 or 3 channels last; otherwise its
    first axis counts images.
    """
    if isinstance(images, list | tuple):
        return list(images), False
    if isinstance(images, np.ndarray):
        if images.ndim < 3 or (images.ndim == 3 and images.shape[-1] in (1, 3)):
            return [images], True
        return list(images), False
    return [images], True


def bodies(images: Iterable[Image], max_images: int) -> Iterator[Body]:
    """Yield request bodies that hold the images in their order.

    Neighbours of one kind share a body up to the limits. Each file is read only for its own body,
    so that the files together may exceed the memory.

    Args:
        images: single images.
        max_images: maximum number of images in a body.

    Raises:
        OSError: a file cannot be read.
        TypeError: an element is not an image.
    """
    for kind, group in itertools.groupby(map(_encode, images), key=_kind):
        for chunk in _chunks(group, max_images):
            yield _image_body(chunk) if kind is bytes else _array_body(chunk)


def single_body(image: Image) -> Body:
    """Return the request body of a single image.

    Raises:
        ValueError: there are several images, or none.
        OSError, TypeError: as for `bodies`.
    """
    items, _ = split(image)
    if len(items) != 1:
        raise ValueError(f"This call takes one image, got {len(items)}; call it for each image.")
    return next(bodies(items, 1))


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
        f"An image must be a path, bytes, a NumPy array or a PIL image, got {type(image).__name__}."
    )


def _kind(image: bytes | NDArray[Any]) -> object:
    """Return what neighbours must have in common to share a body."""
    return bytes if isinstance(image, bytes) else (image.shape, image.dtype)


def _chunks(images: Iterable[Any], max_images: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    size = 0
    for image in images:
        length = len(image) if isinstance(image, bytes) else image.nbytes
        if chunk and (len(chunk) == max_images or size + length > MAX_BODY_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(image)
        size += length
    yield chunk


def _image_body(files: list[bytes]) -> Body:
    if len(files) == 1:  # a raw body is parsed faster than a form
        return {"data": files[0], "headers": {"Content-Type": "application/octet-stream"}}
    return {"files": [("image", ("image", file)) for file in files]}


def _array_body(arrays: list[NDArray[Any]]) -> Body:
    out = io.BytesIO()
    np.save(out, np.stack(arrays), allow_pickle=False)  # (N, …)
    return {"data": out.getvalue(), "headers": {"Content-Type": "application/x-npy"}}
