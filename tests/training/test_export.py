"""A bundle is written whole, checked value by value, or not at all."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray
from safetensors.numpy import load_file

from service.model.bundle import Bundle, read_bundle
from training.data import VALIDATION_SIZE, Mnist
from training.export import TOLERANCE, ExportError, compile_bundle, export, golden_digits
from training.model import lecture_cnn

Converter = Callable[[keras.Model], Any]
ODD_SHAPE = (12, 10, 3)


def odd_cnn() -> keras.Sequential:
    """Unlike the lecture's: other sizes, channels, strides, padding, pooling, activations."""
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input(ODD_SHAPE),
            layers.Conv2D(
                5, (3, 2), strides=(2, 1), padding="same", activation="relu", name="first"
            ),
            layers.AveragePooling2D((2, 3), name="mean"),
            layers.Conv2D(4, (2, 1), activation="tanh", use_bias=False, name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(7, activation="softmax", bias_initializer="random_normal", name="answer"),
        ]
    )


def noise(count: int, shape: tuple[int, ...] = ODD_SHAPE) -> NDArray[np.uint8]:
    """Pictures, uint8 (count, H, W, C); what the network computes does not depend on sense."""
    return np.random.default_rng(3).integers(0, 256, (count, *shape), np.uint8)


def compiled(model: keras.Sequential, folder: Path) -> Bundle:
    """The model as a bundle in an empty folder, read back."""
    digits = noise(12, model.input_shape[1:])
    compile_bundle(model, folder, "odd", 1, digits, digits[:2], {})
    return read_bundle(folder)


def values_of(model: keras.Sequential, digits: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """Every layer's output, as Keras computes it."""
    outputs = keras.Model(model.inputs, [layer.output for layer in model.layers])
    answers: list[NDArray[np.float32]] = outputs.predict(digits / np.float32(255), verbose=0)
    return answers


@pytest.fixture(scope="module")
def few(mnist: Mnist) -> Mnist:
    """A hundred test digits are enough to compare; each class is among them."""
    return Mnist(
        mnist.train_images[-VALIDATION_SIZE - 400 :],
        mnist.train_labels[-VALIDATION_SIZE - 400 :],
        mnist.test_images[:100],
        mnist.test_labels[:100],
    )


@pytest.fixture(scope="module")
def lecture() -> keras.Sequential:
    """The lecture's network, untrained."""
    keras.utils.set_random_seed(1)
    return lecture_cnn()


@pytest.fixture
def run(tmp_path: Path, lecture: keras.Sequential) -> Path:
    """A run folder, as `train` and `evaluate` leave it."""
    folder = tmp_path / "run"
    folder.mkdir()
    lecture.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"recipe": "lecture", "seed": 1}))
    figures = {"digits": 100, "accuracy": 0.1, "loss": 2.3, "expected_calibration_error": 0.02}
    (folder / "report.json").write_text(json.dumps({**figures, "confusion": []}))
    (folder / "curves.png").write_bytes(b"a picture")
    return folder


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Callable[[Converter], None]:
    """Lets a test change the model on its way into the converter: graph and Keras then differ."""
    convert = tf.lite.TFLiteConverter.from_keras_model

    def install(change: Converter) -> None:
        def from_keras_model(model: keras.Model) -> Any:
            graph = convert(change(model)).convert()
            return SimpleNamespace(convert=lambda: graph)

        monkeypatch.setattr(tf.lite.TFLiteConverter, "from_keras_model", from_keras_model)

    return install


def off_by(difference: float, place: int) -> Converter:
    """A change of one of the model's outputs: every value of it is off by so much."""

    def change(model: keras.Model) -> keras.Model:
        outputs = list(model.outputs)
        outputs[place] = layers.Rescaling(1.0, offset=difference)(outputs[place])
        return keras.Model(model.inputs, outputs)

    return change


def test_the_bundle_reads_back_and_tells_the_lectures_layers(
    run: Path, few: Mnist, lecture: keras.Sequential
) -> None:
    """`export` writes a bundle that the service verifies, with every layer as Keras has it."""
    models = run.parent / "models"

    written = export(run, models, "mnist", few)

    assert written == models / "mnist" / "1"
    bundle = read_bundle(written)
    assert (bundle.name, bundle.version, bundle.input_shape) == ("mnist", 1, (28, 28, 1))
    assert bundle.labels == tuple("0123456789")
    assert [(layer.name, layer.kind, layer.parameters) for layer in bundle.layers] == [
        (layer.name, type(layer).__name__, layer.count_params()) for layer in lecture.layers
    ]
    for told, layer in zip(bundle.layers, lecture.layers, strict=True):
        assert told.input_shape == layer.input.shape[1:]
        assert told.output_shape == layer.output.shape[1:]
    assert [layer.activation for layer in bundle.layers] == [
        "relu", "linear", "relu", "linear", "relu", "linear", "relu", "softmax",
    ]  # fmt: skip
    assert sorted(path.name for path in written.iterdir()) == [
        "curves.png",
        "distribution.safetensors",
        "graph.tflite",
        "manifest.json",
        "model.keras",
        "patches.json",
        "report.json",
        "weights.safetensors",
    ]
    assert [path.name for path in models.iterdir()] == ["mnist"]  # no temporary folder stays


def test_the_manifest_tells_training_figures_and_golden_digits(run: Path, few: Mnist) -> None:
    """The manifest has the run's configuration and figures, and a digit of each class, answered."""
    bundle = read_bundle(export(run, run.parent / "models", "mnist", few))

    assert bundle.manifest["training"] == {"recipe": "lecture", "seed": 1}
    assert bundle.manifest["metrics"]["accuracy"] == 0.1
    assert "confusion" not in bundle.manifest["metrics"]
    digits = golden_digits(few)
    np.testing.assert_array_equal([golden.digit for golden in bundle.golden], digits)
    model = keras.models.load_model(bundle.path / "model.keras", compile=False)
    values = values_of(model, digits)
    for index, golden in enumerate(bundle.golden):
        np.testing.assert_allclose(golden.probabilities, values[-1][index], atol=1e-6)
        for layer, value in zip(bundle.layers, values, strict=True):
            stage = "pre" if layer.pre == layer.post else "post"
            assert golden.means[f"{layer.name}/{stage}"] == pytest.approx(
                float(value[index].mean()), abs=1e-5
            )


def test_a_golden_digit_of_each_class(mnist: Mnist) -> None:
    """The golden digits are the first of each class, in the classes' order."""
    digits = golden_digits(mnist)

    assert digits.shape == (10, 28, 28, 1)
    for label, digit in enumerate(digits):
        place = np.flatnonzero((mnist.test_images == digit[..., 0]).all(axis=(1, 2)))[0]
        assert mnist.test_labels[place] == label
        assert label not in mnist.test_labels[:place]


def test_a_differently_shaped_model_is_exported_too(tmp_path: Path) -> None:
    """Nothing is made for 28×28 grey digits or ten classes: any plain Sequential goes."""
    model = odd_cnn()

    bundle = compiled(model, tmp_path)

    assert bundle.input_shape == ODD_SHAPE
    assert bundle.labels == tuple("0123456")
    first, mean, second, flat, answer = bundle.layers
    assert (first.kernel_size, first.strides, first.padding) == ((3, 2), (2, 1), "same")
    assert (mean.kernel_size, mean.strides, mean.padding) == ((2, 3), (2, 3), "valid")
    assert (second.activation, second.output_shape) == ("tanh", (2, 3, 4))
    assert (flat.kernel_size, flat.receptive_field, answer.receptive_field) == (None, None, None)


def test_the_graph_gives_every_layer_before_and_after_its_activation(tmp_path: Path) -> None:
    """`pre` and `post` are the indices of the graph's outputs that hold those values."""
    model = odd_cnn()
    bundle = compiled(model, tmp_path)
    digits = noise(5)
    interpreter = tf.lite.Interpreter(model_path=str(tmp_path / "graph.tflite"))
    interpreter.allocate_tensors()
    functions = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "linear": lambda x: x}
    functions["softmax"] = lambda x: np.exp(x) / np.exp(x).sum()

    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    for index, values in enumerate(zip(*values_of(model, digits), strict=True)):
        pixels = digits[index : index + 1] / np.float32(255)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
        interpreter.invoke()
        for layer, value in zip(bundle.layers, values, strict=True):
            pre, post = (
                interpreter.get_tensor(outputs[place])[0] for place in (layer.pre, layer.post)
            )
            np.testing.assert_allclose(post, value, atol=1e-5)
            np.testing.assert_allclose(functions[layer.activation](pre), value, atol=1e-5)
    assert len({place for layer in bundle.layers for place in (layer.pre, layer.post)}) == len(
        outputs
    )


def test_the_weights_are_the_models(tmp_path: Path) -> None:
    """`weights.safetensors` has each kernel and bias under "layer/kernel", "layer/bias"."""
    model = odd_cnn()
    compiled(model, tmp_path)

    weights = load_file(tmp_path / "weights.safetensors")

    assert weights.keys() == {
        "first/kernel", "first/bias", "second/kernel", "answer/kernel", "answer/bias",
    }  # fmt: skip
    for layer in model.layers:
        for variable, expected in zip(layer.weights, layer.get_weights(), strict=True):
            found = weights[f"{layer.name}/{variable.name}"]
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, expected)


def test_the_saved_model_answers_the_same_and_carries_no_optimizer_state(
    run: Path, few: Mnist
) -> None:
    """The bundle's `model.keras` is the run's, without what only training needs."""
    trained = keras.models.load_model(run / "model.keras")
    trained.compile("adam", "sparse_categorical_crossentropy")
    digits = few.test_images[:20, ..., np.newaxis]
    trained.fit(digits / np.float32(255), few.test_labels[:20], verbose=0)
    trained.save(run / "model.keras")
    saved = export(run, run.parent / "models", "mnist", few) / "model.keras"

    model = keras.models.load_model(saved)
    np.testing.assert_array_equal(values_of(model, digits)[-1], values_of(trained, digits)[-1])
    assert saved.stat().st_size < (run / "model.keras").stat().st_size / 2


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, "first (pre)"),
        (1, "first (post)"),
        (2, "mean (pre)"),
        (3, "second (pre)"),
        (4, "second (post)"),
        (5, "flat (pre)"),
        (6, "answer (pre)"),
        (7, "answer (post)"),
    ],
)
def test_a_graph_that_differs_in_any_value_is_refused(
    place: int, value: str, tmp_path: Path, converter: Callable[[Converter], None]
) -> None:
    """Twice the tolerance in one value and the graph is refused, naming layer and stage."""
    converter(off_by(2 * TOLERANCE, place))

    with pytest.raises(ExportError) as refusal:
        compiled(odd_cnn(), tmp_path)

    assert f"differs from Keras by 0.0002 in {value}, more than 0.0001" in str(refusal.value)


def test_a_graph_within_the_tolerance_is_taken(
    tmp_path: Path, converter: Callable[[Converter], None]
) -> None:
    """Half the tolerance is rounding, not a difference."""
    converter(off_by(TOLERANCE / 2, 3))

    assert compiled(odd_cnn(), tmp_path).version == 1


def test_a_graph_that_computes_nan_is_refused(
    tmp_path: Path, converter: Callable[[Converter], None]
) -> None:
    """Not a number is a difference, though it compares as none."""
    converter(off_by(float("nan"), 4))

    with pytest.raises(ExportError, match=r"differs from Keras by nan in second \(post\)"):
        compiled(odd_cnn(), tmp_path)


def test_one_digit_that_differs_is_enough(
    tmp_path: Path, converter: Callable[[Converter], None]
) -> None:
    """Every digit is compared: a graph that errs on the last one alone is refused."""
    digits = np.zeros((12, *ODD_SHAPE), np.uint8)
    digits[-1, 0, 0, 0] = 255

    def deaf_to_one_pixel(model: keras.Model) -> keras.Model:
        mask = np.ones(ODD_SHAPE, np.float32)
        mask[0, 0, 0] = 0
        pixels = keras.Input(ODD_SHAPE)
        return keras.Model(pixels, model(pixels * mask))

    converter(deaf_to_one_pixel)

    with pytest.raises(ExportError, match=r"in first \(pre\)"):
        compile_bundle(odd_cnn(), tmp_path, "odd", 1, digits, digits[:1], {})


def test_nothing_is_written_of_a_bundle_that_is_refused(
    run: Path, few: Mnist, converter: Callable[[Converter], None]
) -> None:
    """A refused export leaves the models folder as it was: no folder, no temporary file."""
    models = run.parent / "models"

    def tampered(model: keras.Model) -> keras.Model:
        other = keras.models.clone_model(model)
        weights = [array.copy() for array in model.get_weights()]
        weights[2][1, 1, 5, 7] += 0.5  # one number of 18,432 in the second convolution's kernel
        other.set_weights(weights)
        return other

    converter(tampered)

    with pytest.raises(ExportError, match=r"in conv2d_1 \(pre\)"):
        export(run, models, "mnist", few)

    assert list(models.iterdir()) == []


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (layers.Dropout(0.5, name="odd"), "Dropout"),
        (layers.BatchNormalization(name="odd"), "BatchNormalization"),
        (layers.ReLU(name="odd"), "ReLU"),
        (layers.GlobalAveragePooling2D(name="odd"), "GlobalAveragePooling2D"),
        (layers.DepthwiseConv2D(3, name="odd"), "DepthwiseConv2D"),
        (layers.TimeDistributed(layers.LSTM(2), name="odd"), "TimeDistributed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_layer_of_an_unknown_kind_is_refused(
    layer: keras.layers.Layer, kind: str, tmp_path: Path
) -> None:
    """A layer whose values the service could not explain is named, with what a bundle can hold."""
    model = keras.Sequential([keras.Input((9, 9, 1)), layers.Conv2D(2, 3), layer])

    with pytest.raises(ExportError) as refusal:
        compiled(model, tmp_path)

    assert str(refusal.value) == (
        f"Layer 'odd' is a {kind}; a bundle can hold Conv2D, MaxPooling2D, AveragePooling2D, "
        "Flatten, Dense in sequence."
    )


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.Conv2D(2, 3, dilation_rate=2, name="odd"), "dilated or grouped"),
        (layers.Conv2D(2, 3, groups=2, name="odd"), "dilated or grouped"),
        (layers.MaxPooling2D(data_format="channels_first", name="odd"), "not channels-last"),
        (layers.Conv2D(2, 3, activation="gelu", name="odd"), "has the activation 'gelu'"),
        (layers.Dense(3, name="odd"), "put a Flatten before it"),
    ],
    ids=["dilated", "grouped", "channels first", "gelu", "dense on maps"],
)
def test_a_known_layer_used_in_an_unknown_way_is_refused(
    layer: keras.layers.Layer, reason: str, tmp_path: Path
) -> None:
    """What the arithmetic of the trace does not cover is refused, with the layer's name."""
    model = keras.Sequential([keras.Input((9, 9, 2)), layer])

    with pytest.raises(ExportError, match=f"'odd'.*{reason}"):
        compiled(model, tmp_path)


@pytest.mark.parametrize(
    "end",
    [
        [layers.Conv2D(2, 3, activation="softmax", name="last")],
        [layers.Flatten(), layers.Dense(3, name="last")],
        [layers.Flatten(), layers.Dense(1, activation="sigmoid", name="last")],
    ],
    ids=["maps", "logits", "sigmoid"],
)
def test_a_model_that_does_not_end_in_probabilities_is_refused(
    end: list[keras.layers.Layer], tmp_path: Path
) -> None:
    """The service reads the last layer's values as the labels' probabilities: they must be that."""
    model = keras.Sequential([keras.Input((9, 9, 2)), layers.Conv2D(2, 3), *end])

    with pytest.raises(ExportError, match="'last' is the last; it must be a Dense with a softmax"):
        compiled(model, tmp_path)


def test_a_version_that_exists_is_not_written_over(run: Path, few: Mnist) -> None:
    """A given version that is there already is refused and left as it is."""
    there = run.parent / "models" / "mnist" / "3"
    there.mkdir(parents=True)
    (there / "manifest.json").write_text("mine")

    with pytest.raises(ExportError, match="3 exists already; give another --version"):
        export(run, run.parent / "models", "mnist", few, version=3)

    assert [path.name for path in there.parent.iterdir()] == ["3"]
    assert (there / "manifest.json").read_text() == "mine"


def test_the_next_version_is_the_highest_plus_one(run: Path, few: Mnist) -> None:
    """Versions are counted as numbers, gaps are not filled, other folders do not matter."""
    models = run.parent / "models"
    for name in ("2", "9", "10", "latest"):
        (models / "mnist" / name).mkdir(parents=True)
    (models / "other" / "40").mkdir(parents=True)

    assert export(run, models, "mnist", few).name == "11"
    assert export(run, models, "new", few, version=7).name == "7"


@pytest.mark.parametrize("missing", ["model.keras", "config.json", "report.json"])
def test_an_unfinished_run_is_refused(missing: str, run: Path, few: Mnist) -> None:
    """A run that was not trained or not evaluated says which file it lacks and what to do."""
    (run / missing).unlink()

    with pytest.raises(ExportError, match=f"{missing} is missing: train and evaluate the run"):
        export(run, run.parent / "models", "mnist", few)

    assert not (run.parent / "models").exists()


def _same_padded() -> list[keras.layers.Layer]:
    return [
        layers.Conv2D(2, (3, 2), strides=(2, 1), padding="same"),
        layers.MaxPooling2D((2, 3), strides=(1, 2), padding="same"),
        layers.Conv2D(2, (2, 3), activation="relu"),
        layers.AveragePooling2D((3, 2), strides=(2, 1), padding="same"),
        layers.Conv2D(1, (2, 4), padding="same"),
    ]


def _valid() -> list[keras.layers.Layer]:
    return [
        layers.Conv2D(2, (5, 3), strides=(2, 3)),
        layers.AveragePooling2D((2, 2), strides=(1, 1)),
        layers.Conv2D(2, 1),
        layers.MaxPooling2D((2, 1)),
        layers.Conv2D(1, (1, 2), strides=(1, 2)),
    ]


@pytest.mark.parametrize("stack", [_same_padded, _valid], ids=["same", "valid"])
@pytest.mark.parametrize("size", [(23, 19), (16, 22)], ids=["odd", "even"])
def test_receptive_fields_are_the_pixels_that_matter(
    stack: Callable[[], list[keras.layers.Layer]], size: tuple[int, int], tmp_path: Path
) -> None:
    """Each cell's field is just what it sees: a pixel changes the cell if and only if inside.

    All kernels are positive and nothing saturates, so that a brighter pixel brightens every cell
    that sees it.
    """
    windowed = stack()
    end = [layers.Flatten(), layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((*size, 1)), *windowed, *end])
    rng = np.random.default_rng(8)
    positive = [rng.uniform(0.5, 1, array.shape) for array in model.get_weights()]
    model.set_weights([array / array.sum() for array in positive])
    bundle = compiled(model, tmp_path)

    height, width = size
    base = rng.random((1, height, width, 1), np.float32)
    brighter = base + 100 * np.eye(height * width, dtype=np.float32).reshape(-1, *size, 1)
    outputs = keras.Model(model.inputs, [layer.output for layer in windowed])
    before = outputs.predict(base, verbose=0)
    after = outputs.predict(brighter, verbose=0, batch_size=500)
    for layer, still, moved in zip(bundle.layers[:-2], before, after, strict=True):
        # (pixel row, pixel column, row, column): whether that pixel changes that cell
        seen = (np.abs(moved - still) > 1e-3).any(axis=-1).reshape(*size, *layer.output_shape[:2])
        field = layer.receptive_field
        assert field is not None
        expected = np.ones_like(seen)
        for axis in (0, 1):
            pixel = np.arange(size[axis])[:, None]
            first = field.start[axis] + field.step[axis] * np.arange(layer.output_shape[axis])
            inside = (pixel >= first) & (pixel < first + field.size[axis])  # (pixel, cell)
            expected &= np.expand_dims(inside, (1, 3) if axis == 0 else (0, 2))
        np.testing.assert_array_equal(seen, expected, err_msg=layer.name)
    assert [layer.receptive_field for layer in bundle.layers[-2:]] == [None, None]
