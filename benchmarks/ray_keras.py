"""Classify a folder's images with Ray Data and Keras, as Ray's documentation shows batch inference.

`python -m benchmarks.ray_keras SOURCE DEST` prints the images/s.
"""

import shutil
import sys
import time
from pathlib import Path
from typing import Any

import ray.data

from benchmarks.environments import ROOT

PROCESSES = 2


class Predictor:
    """An actor with the model."""

    def __init__(self) -> None:
        """Load the model."""
        import keras

        self.model = keras.models.load_model(ROOT / "models" / "mnist" / "1" / "model.keras")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Add the probabilities to a batch."""
        images = batch["image"][..., None].astype("float32") / 255
        probabilities = self.model.predict(images, verbose=0)
        return {"path": batch["path"], "probabilities": probabilities}


def main() -> None:
    """Classify the images, and write Parquet."""
    source, destination = sys.argv[1:]
    shutil.rmtree(destination, ignore_errors=True)
    ray.init(num_cpus=PROCESSES, log_to_driver=False)
    begin = time.perf_counter()
    images = ray.data.read_images(source, mode="L", include_paths=True)
    predictions = images.map_batches(
        Predictor, compute=ray.data.ActorPoolStrategy(size=PROCESSES), num_cpus=0.5
    )
    predictions.write_parquet(destination)
    seconds = time.perf_counter() - begin
    count = sum(1 for _ in Path(source).rglob("*.png"))
    print(count / seconds)


if __name__ == "__main__":
    main()
