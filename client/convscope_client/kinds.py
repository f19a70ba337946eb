"""Which class an explanation of each kind of layer has, and how its JSON is parsed."""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from convscope_client.errors import UnknownKind
from convscope_client.traces import (
    AffineTrace,
    AveragePoolingTrace,
    BatchNormalizationTrace,
    ConvolutionTrace,
    CopyTrace,
    DenseTrace,
    MaxPoolingTrace,
    MergeTrace,
    SeparableConvolutionTrace,
    Trace,
    UpSamplingTrace,
)

T = TypeVar("T")

_KINDS: dict[type[Trace], str] = {
    ConvolutionTrace: "Conv2D DepthwiseConv2D Conv2DTranspose",
    SeparableConvolutionTrace: "SeparableConv2D",
    MaxPoolingTrace: "MaxPooling2D GlobalMaxPooling2D",
    AveragePoolingTrace: "AveragePooling2D GlobalAveragePooling2D",
    DenseTrace: "Dense Probabilities",
    UpSamplingTrace: "UpSampling2D",
    BatchNormalizationTrace: "BatchNormalization",
    AffineTrace: "Rescaling Normalization",
    MergeTrace: "Add Subtract Multiply Average Maximum Minimum",
    CopyTrace: "Flatten Reshape Permute Concatenate ZeroPadding2D Cropping2D "
    "Identity Dropout SpatialDropout2D AlphaDropout GaussianDropout GaussianNoise "
    "ActivityRegularization RandomFlip RandomRotation RandomTranslation RandomZoom "
    "RandomContrast RandomBrightness Activation ReLU LeakyReLU PReLU ELU Softmax "
    "ops>Relu ops>Relu6 ops>LeakyRelu ops>Elu ops>Selu ops>Celu ops>Gelu ops>Silu ops>Sigmoid "
    "ops>LogSigmoid ops>HardSigmoid ops>HardSilu ops>HardTanh ops>HardShrink ops>SoftShrink "
    "ops>TanhShrink ops>Tanh ops>Softplus ops>Softsign",
}
TRACES = {kind: trace for trace, kinds in _KINDS.items() for kind in kinds.split()}


def parse_trace(explanation: dict[str, Any]) -> Trace:
    """Convert the JSON of an explanation to the dataclass of its kind.

    Fields that this client does not know are left out.

    Raises:
        UnknownKind: no class belongs to its kind.
    """
    kind = explanation["kind"]
    if kind not in TRACES:
        raise UnknownKind(
            f"The service explained a layer of the kind {kind!r}, which is none of the "
            f"{len(TRACES)} kinds that this client knows (`convscope_client.kinds.TRACES`). "
            "Install a newer convscope-client."
        )
    trace: Trace = _parse(TRACES[kind], {**_left_out(explanation), **explanation})
    return trace


def _left_out(explanation: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that a service of version 0.1.0 leaves out, as they were for its layers."""
    left_out: dict[str, Any] = {
        "inputs": [explanation["input"]],
        "activation_parameters": {},
        "softmax": None,
    }
    if explanation["kind"] != "Conv2D":
        return left_out
    window, terms = explanation["window"], explanation["terms"]
    return left_out | {
        "rows": list(range(window["top"], window["top"] + window["height"])),
        "columns": list(range(window["left"], window["left"] + window["width"])),
        "kernel_rows": list(range(window["height"])),
        "kernel_columns": list(range(window["width"])),
        "count": len(terms),
        "rest": 0.0,
    }


def _parse(expected: type[T], value: Any) -> T:
    """Convert JSON to a type: a dataclass, a list, one of these or None, or a plain value."""
    if isinstance(expected, UnionType):
        if value is None:
            return cast(T, None)
        (expected,) = (option for option in get_args(expected) if option is not NoneType)
    if is_dataclass(expected):
        hints = get_type_hints(expected)
        names = [field.name for field in fields(expected)]
        return cast(T, expected(**{name: _parse(hints[name], value[name]) for name in names}))
    if get_origin(expected) is list:
        (item,) = get_args(expected)
        return cast(T, [_parse(item, each) for each in value])
    return cast(T, value)
