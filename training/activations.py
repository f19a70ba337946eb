"""Find the activation function of a recorded call: its name, its parameters and its argument."""

from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from training.recording import Call

# The activation function that a layer or operation is, by the name of its class.
ACTIVATION_CLASSES = {
    "ReLU": "relu", "Relu": "relu", "Relu6": "relu6", "LeakyReLU": "leaky_relu",
    "LeakyRelu": "leaky_relu", "PReLU": "prelu", "ELU": "elu", "Elu": "elu", "Selu": "selu",
    "Celu": "celu", "Gelu": "gelu", "Silu": "silu", "Swish": "silu", "Sigmoid": "sigmoid",
    "LogSigmoid": "log_sigmoid", "HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh", "HardShrink": "hard_shrink", "SoftShrink": "soft_shrink",
    "TanhShrink": "tanh_shrink", "Tanh": "tanh", "Softmax": "softmax",
    "LogSoftmax": "log_softmax", "Softplus": "softplus", "Softsign": "softsign",
    "SparsePlus": "sparse_plus", "Squareplus": "squareplus", "Threshold": "threshold",
}  # fmt: skip
# The activation function that a TensorFlow operation is, for layers that call it directly.
ACTIVATION_OPERATIONS = {
    "Relu": "relu", "Relu6": "relu6", "LeakyRelu": "leaky_relu", "Elu": "elu", "Selu": "selu",
    "Sigmoid": "sigmoid", "Tanh": "tanh", "Softmax": "softmax", "Softplus": "softplus",
    "Softsign": "softsign",
}  # fmt: skip
PARAMETERS = ("negative_slope", "max_value", "threshold", "alpha", "approximate")
_LIBRARIES = (keras.activations, keras.ops, tf.nn, tf.math)


@dataclass(frozen=True)
class Activation:
    """The activation function of a call.

    Attributes:
        name: Keras's; "linear" where there is none. "Custom>" before that of any other function.
        argument: the tensor that it is applied to.
        parameters: those that differ from the function's default, or may do so.
    """

    name: str
    argument: Any
    parameters: dict[str, float | bool] = field(default_factory=dict)


def activation_of(call: Call) -> Activation:
    """Return the activation function of a call."""
    if call.activation is not None:
        return _described(call.activation, call.pre)
    is_function = type(call.operation).__name__ in ACTIVATION_CLASSES
    if is_function and call.inputs and not call.is_container:
        return _described(call.operation, call.inputs[0])
    operation = call.output.op
    argument = operation.inputs[0] if operation.type in ACTIVATION_OPERATIONS else call.output
    if argument is call.output or argument.shape != call.output.shape:
        return Activation("linear", call.output)
    parameters = {}
    if operation.type == "LeakyRelu":
        parameters = {"negative_slope": float(operation.get_attr("alpha"))}
    return Activation(ACTIVATION_OPERATIONS[operation.type], argument, parameters)


def _described(function: Any, argument: Any) -> Activation:
    """Describe an activation function, which may be a layer or operation."""
    if not isinstance(function, keras.Operation):
        return Activation(_function_name(function), argument)
    if type(function).__name__ == "Activation":
        return _described(function.activation, argument)
    name = type(function).__name__
    if not type(function).__module__.startswith("keras."):
        return Activation(f"Custom>{name}", argument)
    config = vars(function)
    plain = {key: config[key] for key in PARAMETERS if isinstance(config.get(key), int | float)}
    name = ACTIVATION_CLASSES.get(name, name)
    if name == "relu" and plain.get("max_value") == 6:
        name = "relu6"
    elif name == "relu" and plain.get("negative_slope"):
        name = "leaky_relu"
    axis = config.get("axis", -1)
    if name == "softmax" and axis not in (-1, argument.shape.rank - 1):
        name = f"softmax along {axis}"
    return Activation(name, argument, plain)


def _function_name(function: Any) -> str:
    """Return a function's name, marked where Keras and TensorFlow have another of that name."""
    name = str(getattr(function, "__name__", type(function).__name__)).strip("<>")
    # a function has a wrapper of its own for each of its addresses
    originals = {id(_unwrapped(getattr(library, name, None))) for library in _LIBRARIES}
    return name if id(_unwrapped(function)) in originals else f"Custom>{name}"


def _unwrapped(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function
