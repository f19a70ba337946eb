"""The activation functions whose values can be explained, by Keras's names, for one number."""

import math
from collections.abc import Callable

# Softmax is the only one that also needs the other channels.
SOFTMAX = "softmax"


def _relu(
    x: float, negative_slope: float = 0.0, max_value: float = math.inf, threshold: float = 0.0
) -> float:
    if x >= max_value:
        return max_value
    return x if x > threshold else negative_slope * (x - threshold)


def _relu6(
    x: float, negative_slope: float = 0.0, max_value: float = 6.0, threshold: float = 0.0
) -> float:
    return _relu(x, negative_slope, max_value, threshold)


def _leaky_relu(
    x: float, negative_slope: float = 0.2, max_value: float = math.inf, threshold: float = 0.0
) -> float:
    return _relu(x, negative_slope, max_value, threshold)


def _sigmoid(x: float) -> float:
    return (1 + math.tanh(x / 2)) / 2  # 1 / (1 + exp(-x)) overflows far below 0


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _gelu(x: float, approximate: bool = False) -> float:
    if approximate:
        return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * math.erfc(-x / math.sqrt(2))


def _elu(x: float, alpha: float = 1.0) -> float:
    return x if x > 0 else alpha * math.expm1(x)


def _celu(x: float, alpha: float = 1.0) -> float:
    return max(x, 0.0) + alpha * math.expm1(min(x, 0.0) / alpha)


def _selu(x: float) -> float:
    # the constants of Klambauer et al., "Self-Normalizing Neural Networks", 2017
    return 1.05070098735548049342 * _elu(x, 1.67326324235437728481)


def _hard_sigmoid(x: float) -> float:
    return min(max(x / 6 + 0.5, 0.0), 1.0)


def _hard_shrink(x: float, threshold: float = 0.5) -> float:
    return x if abs(x) > threshold else 0.0


def _soft_shrink(x: float, threshold: float = 0.5) -> float:
    return math.copysign(max(abs(x) - threshold, 0.0), x)


ELEMENTWISE: dict[str, Callable[..., float]] = {
    "linear": lambda x: x,
    "relu": _relu,
    "relu6": _relu6,
    "leaky_relu": _leaky_relu,
    "prelu": lambda x, alpha: x if x >= 0 else alpha * x,
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * math.tanh(_softplus(x)),
    "sigmoid": _sigmoid,
    "log_sigmoid": lambda x: -_softplus(-x),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda x: x * _hard_sigmoid(x),
    "tanh": math.tanh,
    "hard_tanh": lambda x: min(max(x, -1.0), 1.0),
    "tanh_shrink": lambda x: x - math.tanh(x),
    "hard_shrink": _hard_shrink,
    "soft_shrink": _soft_shrink,
    "softplus": _softplus,
    "softsign": lambda x: x / (1 + abs(x)),
    "exponential": lambda x: math.exp(x) if x < 709 else math.inf,  # beyond, exp overflows
}
ACTIVATIONS = (*ELEMENTWISE, SOFTMAX)
