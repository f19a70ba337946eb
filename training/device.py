"""The device that trains, and the precision that suits it."""

from pathlib import Path

import keras


def device_name() -> str:
    """Return the device that the backend places new tensors on, such as `CPU:0`.

    `keras.distribution` lists no devices for PyTorch, and JAX's list raises without a GPU.
    """
    return str(keras.ops.zeros(()).device).rpartition("device:")[2]


def is_gpu() -> bool:
    """Return whether the backend trains on a GPU."""
    name = device_name().lower()
    return "gpu" in name or "cuda" in name


def precision() -> str:
    """Return the Keras dtype policy for training.

    bfloat16 is twice as fast on GPUs and on CPUs that support it. A GPU older than Ampere emulates
    it with float32, which is slower but correct.
    """
    cpu = Path("/proc/cpuinfo")
    has_bfloat16 = is_gpu() or (cpu.exists() and "avx512_bf16" in cpu.read_text())
    return "mixed_bfloat16" if has_bfloat16 else "float32"
