"""EfficientNet-Lite0 in Keras, and its weights from a PyTorch state dict.

EfficientNet-Lite is EfficientNet without squeeze-and-excitation, and with ReLU6 for swish. The
padding is TensorFlow's "same", in which the weights were trained.
"""

from itertools import count
from typing import Any, NamedTuple

import keras
from keras import layers
from numpy.typing import NDArray

from examples.efficientnet_lite0.weights import StateDict, WeightsError

SIZE = 224
CLASSES = 1000
_STEM = 32
_TOP = 1280
_EPSILON = 1e-3
# repeats, kernel size, stride of the first repeat, expansion, channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# the state dict's name of each layer, and of each layer of a block
_SOURCES = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
    "predictions": "_fc",
}
_BLOCK_SOURCES = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


class _Block(NamedTuple):
    name: str
    kernel: int
    stride: int
    expansion: int
    channels: int


_BLOCKS = [
    _Block(f"block{stage}{'abcd'[repeat]}", kernel, stride if repeat == 0 else 1, expansion, width)
    for stage, (repeats, kernel, stride, expansion, width) in zip(count(1), _STAGES, strict=False)
    for repeat in range(repeats)
]


def build_model() -> keras.Model:
    """Build the network with random weights.

    Returns:
        float32 (N, 224, 224, 3), about −1 to 1, to the probabilities of 1000 classes.
    """
    image = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Conv2D(_STEM, 3, 2, "same", use_bias=False, name="stem_conv")(image)
    x = _activate(_normalise(x, "stem_bn"), "stem_activation")
    for block in _BLOCKS:
        x = _add_block(x, block)
    x = layers.Conv2D(_TOP, 1, use_bias=False, name="top_conv")(x)
    x = _activate(_normalise(x, "top_bn"), "top_activation")
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    x = layers.Dense(CLASSES, activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name="efficientnet-lite0")


def _add_block(x: Any, block: _Block) -> Any:
    """Add an inverted residual block: expand, filter each channel, project."""
    start, name = x, block.name
    if block.expansion > 1:
        width = x.shape[-1] * block.expansion
        x = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_expand_conv")(x)
        x = _activate(_normalise(x, f"{name}_expand_bn"), f"{name}_expand_activation")
    x = layers.DepthwiseConv2D(
        block.kernel, block.stride, "same", use_bias=False, name=f"{name}_dwconv"
    )(x)
    x = _activate(_normalise(x, f"{name}_bn"), f"{name}_activation")
    x = layers.Conv2D(block.channels, 1, use_bias=False, name=f"{name}_project_conv")(x)
    x = _normalise(x, f"{name}_project_bn")
    return layers.Add(name=f"{name}_add")([x, start]) if x.shape == start.shape else x


def _normalise(x: Any, name: str) -> Any:
    return layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)


def _activate(x: Any, name: str) -> Any:
    return layers.ReLU(6.0, name=name)(x)


def set_weights(model: keras.Model, state: StateDict) -> None:
    """Copy every entry of a state dict into the model.

    Args:
        model: from `build_model`.
        state: of PyTorch's EfficientNet-Lite0; it is not changed.

    Raises:
        WeightsError: an entry is missing, has another shape, or belongs to no layer.
    """
    left = dict(state)
    for layer in model.layers:
        if not layer.weights:
            continue
        source = _source(layer.name)
        arrays = [_take(left, f"{source}.{name}", layer) for name in _entries(layer)]
        for array, variable in zip(arrays, layer.weights, strict=True):
            if array.shape != variable.shape:
                raise WeightsError(
                    f"{source} has the shape {array.shape} for {layer.name}/{variable.name}, which "
                    f"takes {tuple(variable.shape)}."
                )
        if isinstance(layer, layers.BatchNormalization):
            _take(left, f"{source}.num_batches_tracked", layer)  # of use in training only
        layer.set_weights(arrays)
    if left:
        raise WeightsError(f"The state dict has entries of no layer: {', '.join(left)}.")


def _source(name: str) -> str:
    """Return the state dict's name of a layer."""
    if name in _SOURCES:
        return _SOURCES[name]
    block, _, part = name.partition("_")
    index = [each.name for each in _BLOCKS].index(block)
    return f"_blocks.{index}.{_BLOCK_SOURCES[part]}"


def _entries(layer: keras.Layer) -> tuple[str, ...]:
    """Return the state dict's names of a layer's weights, in Keras's order."""
    if isinstance(layer, layers.BatchNormalization):
        return "weight", "bias", "running_mean", "running_var"
    return ("weight", "bias") if layer.use_bias else ("weight",)


def _take(state: StateDict, name: str, layer: keras.Layer) -> NDArray[Any]:
    """Remove an entry from a state dict and return it with Keras's order of axes."""
    try:
        array = state.pop(name)
    except KeyError:
        raise WeightsError(f"The state dict has no {name} for layer {layer.name}.") from None
    if array.ndim == 4:  # (out, in, H, W); of a depthwise kernel, (channels, 1, H, W)
        is_depthwise = isinstance(layer, layers.DepthwiseConv2D)
        return array.transpose(2, 3, 0, 1) if is_depthwise else array.transpose(2, 3, 1, 0)
    return array.T
