"""Saved models of every style load with the values that they were saved with."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from tests.training.saved_models import (
    SHAPE,
    Config,
    answers,
    layer_config,
    randomised,
    refusal,
    rewrite,
    small_sequential,
    with_config,
)
from training.errors import ExportError
from training.loading import load_model

OWN_CLASSES = """
import keras

@keras.saving.register_keras_serializable("loading_test")
class Doubled(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs

@keras.saving.register_keras_serializable("loading_test")
class OwnModel(keras.Model):
    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes
        self.stem = keras.layers.Conv2D(3, 3, activation="relu")
        self.doubled = Doubled()
        self.row = keras.layers.GlobalAveragePooling2D()
        self.answer = keras.layers.Dense(classes, activation="softmax")

    def call(self, inputs):
        return self.answer(self.row(self.doubled(self.stem(inputs))))

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}
"""


def functional() -> keras.Model:
    """Build a network with a branch, and operations of Keras that are not layers."""
    images = keras.Input(SHAPE)
    left = layers.Conv2D(2, 3, padding="same")(images)
    merged = keras.ops.relu(left + images) * 2.5
    pooled = layers.GlobalAveragePooling2D()(layers.Concatenate()([merged, images]))
    return randomised(keras.Model(images, layers.Dense(3, activation="softmax")(pooled)))


def nested() -> keras.Model:
    """Build a network in a network, both compiled."""
    inner = keras.Sequential([keras.Input(SHAPE), layers.Conv2D(2, 3), layers.Flatten()])
    inner.compile(loss="mse")
    images = keras.Input(SHAPE)
    model = keras.Model(images, layers.Dense(3, activation="softmax")(inner(images)))
    model.compile(loss="mse")
    return randomised(model)


def unsized() -> keras.Model:
    """Build a network that takes images of any size."""
    return randomised(
        keras.Sequential(
            [
                keras.Input((None, None, 2)),
                layers.Conv2D(3, 3),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, activation="softmax"),
            ]
        )
    )


@pytest.fixture
def own_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Write a module of registered classes, and import it."""
    (tmp_path / "loading_own_classes.py").write_text(OWN_CLASSES)
    monkeypatch.syspath_prepend(tmp_path)  # type: ignore[no-untyped-call]
    import loading_own_classes  # type: ignore[import-not-found]

    yield loading_own_classes
    forget_own_classes()


def forget_own_classes() -> None:
    """Undo the import and the registration."""
    sys.modules.pop("loading_own_classes", None)
    for name in ("Doubled", "OwnModel"):
        keras.saving.get_custom_objects().pop(f"loading_test>{name}", None)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("build", [small_sequential, nested])
def test_a_saved_model_has_the_same_values(build: Any, suffix: str, tmp_path: Path) -> None:
    """The file stays as it is; a nested model that was compiled is not compiled any more."""
    path, model = tmp_path / f"mine{suffix}", build()
    model.save(path)
    content = path.read_bytes()

    loaded = load_model(path)

    assert np.array_equal(answers(loaded), answers(model))
    assert not any(getattr(layer, "compiled", False) for layer in (loaded, *loaded.layers))
    assert path.read_bytes() == content


def test_a_functional_model_may_contain_operations(tmp_path: Path) -> None:
    """Keras saves `+` and `keras.ops.relu` as classes of its own modules."""
    functional().save(tmp_path / "mine.keras")
    assert np.array_equal(answers(load_model(tmp_path / "mine.keras")), answers(functional()))


def test_an_own_class_needs_an_import(own_classes: Any, tmp_path: Path) -> None:
    """Only a module that the user names is imported, never one that the file names."""
    model = own_classes.OwnModel(classes=3)
    model(np.zeros((1, *SHAPE), np.float32))
    randomised(model).save(tmp_path / "mine.keras")
    expected = answers(model)
    forget_own_classes()

    message = refusal(tmp_path / "mine.keras")
    assert "OwnModel" in message
    assert "--import" in message
    assert "loading_own_classes" not in sys.modules
    loaded = load_model(tmp_path / "mine.keras", ["loading_own_classes"])
    assert np.array_equal(answers(loaded), expected)
    assert "nowhere_to_be_found" in refusal(tmp_path / "mine.keras", ("nowhere_to_be_found",))


def test_an_own_layer_in_h5_needs_an_import_too(own_classes: Any, tmp_path: Path) -> None:
    """An `.h5` file names a registered class without its module."""
    model = keras.Sequential([keras.Input(SHAPE), own_classes.Doubled(name="twice")])
    model.save(tmp_path / "mine.h5")
    forget_own_classes()

    assert "Layer 'twice'" in refusal(tmp_path / "mine.h5")
    load_model(tmp_path / "mine.h5", ["loading_own_classes"])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_input_size_must_be_given(suffix: str, tmp_path: Path) -> None:
    """The model is rebuilt with that size and keeps its weights."""
    path = tmp_path / f"mine{suffix}"
    model = unsized()
    model.save(path)

    assert "--size" in refusal(path)
    loaded = load_model(path, size=(8, 6))
    assert loaded.input_shape == (None, *SHAPE)
    assert np.allclose(answers(loaded), answers(model), atol=1e-6)


def test_a_known_input_size_cannot_be_changed(tmp_path: Path) -> None:
    """A size that agrees is accepted."""
    small_sequential().save(tmp_path / "mine.keras")
    load_model(tmp_path / "mine.keras", size=SHAPE[:2])
    with pytest.raises(ExportError, match="8 × 6, so --size cannot be 9 × 6"):
        load_model(tmp_path / "mine.keras", size=(9, 6))


def test_a_model_that_was_never_built_is_refused(tmp_path: Path) -> None:
    """It has no weights."""
    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([layers.Dense(3)]).save(tmp_path / "mine.keras")
    assert "before the model was built" in refusal(tmp_path / "mine.keras")


def keras_2(config: Config) -> None:
    """Write a configuration as Keras 2.15 did."""
    policy = {"module": "keras.mixed_precision", "class_name": "Policy"}
    for layer in config["config"]["layers"]:
        entry = layer["config"]
        entry["dtype"] = {**policy, "config": {"name": "float32"}, "registered_name": None}
        for key in ("optional", "quantization_config", "renorm", "renorm_clipping"):
            entry.pop(key, None)
        entry.pop("renorm_momentum", None)
        if layer["class_name"] == "InputLayer":
            entry["batch_input_shape"] = entry.pop("batch_shape")
            entry["dtype"] = "float32"
            entry["ragged"] = False
        if layer["class_name"] == "BatchNormalization":
            entry["axis"] = [3]
            entry.pop("synchronized")
        if layer["class_name"] == "LeakyReLU":
            entry["alpha"] = entry.pop("negative_slope")
        if layer["class_name"] in ("DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"):
            entry["groups"] = 1
        if layer["class_name"] == "SeparableConv2D":
            entry["kernel_initializer"] = {"class_name": "GlorotUniform", "config": {"seed": None}}
            entry["kernel_regularizer"] = entry["kernel_constraint"] = None
        if layer["class_name"] == "Conv2DTranspose":
            entry.setdefault("output_padding", None)
    config["config"].pop("build_input_shape", None)
    config["config"].pop("dtype", None)
    config["config"].pop("trainable", None)


def test_an_h5_file_of_keras_2_loads(tmp_path: Path) -> None:
    """Keys that only Keras 2 knew are dropped where they have no effect."""
    model = randomised(
        keras.Sequential(
            [
                keras.Input(SHAPE),
                layers.DepthwiseConv2D(3, name="depthwise"),
                layers.SeparableConv2D(3, 3, padding="same"),
                layers.BatchNormalization(),
                layers.LeakyReLU(negative_slope=0.3),
                layers.Conv2DTranspose(2, 3),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(3, activation="softmax"),
            ]
        )
    )
    model.save(tmp_path / "new.h5")
    path = with_config(tmp_path / "new.h5", tmp_path / "mine.h5", keras_2)
    with h5py.File(path, "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
    assert np.allclose(answers(load_model(path)), answers(model), atol=1e-6)

    def group(config: Config) -> None:
        layer_config(config, "depthwise")["config"]["groups"] = 2

    assert "groups" in refusal(with_config(path, tmp_path / "grouped.h5", group))


def test_a_keras_archive_of_keras_2_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """Keras 3 would fail with an error about some layer."""
    small_sequential().save(tmp_path / "new.keras")
    metadata = json.dumps({"keras_version": "2.15.0"}).encode()
    path = rewrite(tmp_path / "new.keras", tmp_path / "mine.keras", {"metadata.json": metadata})
    message = refusal(path)
    assert "tf-keras" in message
    assert 'model.save("mine.h5")' in message
