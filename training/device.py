"""The device that trains, and the precision that suits it."""

import ctypes
from pathlib import Path

import keras

_M_TOP_PAD = -2  # of glibc's malloc.h
_KEPT_BYTES = 64 << 20  # more than glibc's heap of a thread has


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


def keep_freed_memory() -> None:
    """Let glibc keep the memory that TensorFlow's threads free.

    By default it returns whole heaps to the system after each step and requests them in the next,
    which doubles the CPU time of a small convolutional network. Other C libraries ignore it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TOP_PAD, _KEPT_BYTES)
