"""Read a user's folder of images as a model's inputs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from service import preparation
from service.errors import RequestError
from service.model.manifest import Input
from training.errors import ExportError

_MOST = 5_000  # images: more say nothing new
_MAX_PIXELS = 50_000_000
_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}


def read_pictures(folder: Path, source: Input) -> NDArray[np.uint8]:
    """Read every image in a folder and its subfolders, uint8 (N, H, W, C), in a random order.

    Args:
        folder: of images.
        source: the model's input.

    Raises:
        ExportError: the folder has no image that can be read.
    """
    if not folder.is_dir():
        raise ExportError(f"--fit-images: {folder} is no folder; give one with images.")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    np.random.default_rng(0).shuffle(paths)
    pictures, refused = [], 0
    for path in tqdm(paths[:_MOST], "Reading images", leave=False, unit=" images"):
        try:
            pictures.append(preparation.one_image(path.read_bytes(), source, _MAX_PIXELS))
        except (RequestError, OSError):
            refused += 1
    if not pictures:
        raise ExportError(
            f"--fit-images: {folder} has no image that can be read ({refused} cannot); give a "
            "folder with PNG, JPEG, WebP, BMP, GIF or TIFF files."
        )
    return np.stack(pictures)
