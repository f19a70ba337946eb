"""Query a ConvScope service from Python.

    with Client("http://127.0.0.1:8000") as client:
        client.predict("seven.png").label                     # "7"
        client.activations("seven.png", "all")["conv2d"]      # float32 (1, 26, 26, 32)

`client.py`, `insight.py` and `drawings.py` have the calls, `errors.py` the errors, `traces.py` the
explanations by kind of layer, `images.py` the types of images. `convscope`, or
`python -m convscope_client`, is the command line.
"""

from convscope_client.client import Client
from convscope_client.errors import ClientError, Problem, TimedOut, UnknownKind, Unreachable
from convscope_client.results import Explanation, Occlusion, Prediction, Segment
from convscope_client.traces import (
    AffineTrace,
    AveragePoolingTrace,
    BatchNormalizationTrace,
    ConvolutionTrace,
    CopyTrace,
    DenseTrace,
    FlattenTrace,
    MaxPoolingTrace,
    MergeTrace,
    SeparableConvolutionTrace,
    Trace,
    UpSamplingTrace,
)

__all__ = [
    "AffineTrace",
    "AveragePoolingTrace",
    "BatchNormalizationTrace",
    "Client",
    "ClientError",
    "ConvolutionTrace",
    "CopyTrace",
    "DenseTrace",
    "Explanation",
    "FlattenTrace",
    "MaxPoolingTrace",
    "MergeTrace",
    "Occlusion",
    "Prediction",
    "Problem",
    "Segment",
    "SeparableConvolutionTrace",
    "TimedOut",
    "Trace",
    "UnknownKind",
    "Unreachable",
    "UpSamplingTrace",
]
