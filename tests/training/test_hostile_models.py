"""No file runs code, fills the memory or the disk, or fails with more than one clear line."""

import os
import pickle
import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from tests.training.saved_models import (
    SHAPE,
    SUFFIXES,
    Config,
    layer_config,
    refusal,
    rewrite,
    with_config,
)
from training import archive

pytestmark = pytest.mark.usefixtures("temporary")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_lambda_layer_is_never_run(suffix: str, tmp_path: Path) -> None:
    """Its code is in the file; loading it would leave a marker."""
    marker = tmp_path / "marker"
    name = str(marker)  # Keras saves the function with its variables, which must be plain
    spy = layers.Lambda(lambda x: (Path(name).mkdir(exist_ok=True), x)[1], name="spy")
    model = keras.Sequential([keras.Input(SHAPE), spy, layers.Flatten()])
    assert marker.exists()
    marker.rmdir()
    model.save(tmp_path / f"mine{suffix}")
    assert not marker.exists()

    message = refusal(tmp_path / f"mine{suffix}")
    assert "Layer 'spy': Lambda" in message
    assert "--import" in message
    assert not marker.exists()


OBJECTS: dict[str, Config] = {
    "__lambda__": {"class_name": "__lambda__", "config": {"value": "4wAA"}},
    "os.system": {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    },
    "get_file": {
        "module": "keras.utils",
        "class_name": "function",
        "config": "get_file",
        "registered_name": "get_file",
    },
    "Popen": {"module": "subprocess", "class_name": "Popen", "config": {"args": "id"}},
    "Thing": {
        "module": "evil.package",
        "class_name": "Thing",
        "config": {},
        "registered_name": "evil>Thing",
    },
    "deserialize": {"class_name": "deserialize", "config": {"config": {}}},
    "CompositeTensor": {"class_name": "CompositeTensor", "spec": {}, "tensors": []},
    "__typespec__": {
        "module": "subprocess",
        "class_name": "__typespec__",
        "spec_name": "Popen",
        "registered_name": "Popen",
        "config": ["id"],
    },
    "TFSMLayer": {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "elsewhere", "trainable": True, "name": "foreign"},
    },
    "TorchModuleWrapper": {
        "module": "keras.src.utils.torch_utils",
        "class_name": "TorchModuleWrapper",
        "config": {"module": "", "name": "foreign"},
    },
    "StringLookup": {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"vocabulary": "elsewhere", "name": "words"},
    },
    "LSTM": {"module": "keras.layers", "class_name": "LSTM", "config": {"units": 3}},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_that_a_model_does_not_consist_of_are_refused(
    name: str, suffix: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    """Wherever they stand, such as in place of an activation or hidden in another layer."""

    def change(config: Config) -> None:
        layer_config(config, "stem")["config"]["activation"] = OBJECTS[name]

    message = refusal(with_config(saved[suffix], tmp_path / f"mine{suffix}", change))
    assert "stem" in message or "foreign" in message
    assert "allowed" in message or "--import" in message or "cannot be exported" in message


def test_modules_of_the_file_are_not_imported(saved: dict[str, Path], tmp_path: Path) -> None:
    """A module next to the file, or one of Keras that is not loaded, stays unloaded."""
    marker = tmp_path / "marker"
    (tmp_path / "keras_evil.py").write_text(f"open({str(marker)!r}, 'w')")
    for module in ("keras_evil", "keras.evil", "this", "antigravity"):

        def change(config: Config, module: str = module) -> None:
            layer_config(config, "row").update(module=module, class_name="Flatten")

        assert "'row'" in refusal(with_config(saved[".keras"], tmp_path / "mine.keras", change))
    assert not marker.exists()


ENTRIES = {
    "../up.txt": "leaves the archive's folder",
    "assets/../../up.txt": "leaves the archive's folder",
    "assets\\..\\up.txt": "leaves the archive's folder",
    "/absolute.txt": "absolute path",
    "C:/absolute.txt": "absolute path",
    "model.weights.npz": "no saved model has",
    "model.weights.json": "no saved model has",
    "code.py": "no saved model has",
}


@pytest.mark.parametrize("name", ENTRIES)
def test_foreign_entries_are_refused(name: str, saved: dict[str, Path], tmp_path: Path) -> None:
    """Names that would leave the folder, and files that Keras does not write."""
    path = rewrite(saved[".keras"], tmp_path / "mine.keras", {name: b"x"})
    assert ENTRIES[name] in refusal(path)


def test_links_duplicates_and_encryption_are_refused(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    """The entries have allowed names."""
    path = rewrite(saved[".keras"], tmp_path / "mine.keras", {})
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(link, "/etc/passwd")
    assert "is a link" in refusal(path)

    rewrite(saved[".keras"], path, {})
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "a") as file,
    ):
        file.writestr("config.json", "{}")
    assert "twice" in refusal(path)

    rewrite(saved[".keras"], path, {})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    assert "is encrypted" in refusal(path)


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "assets/zeros"])
def test_a_zip_bomb_is_refused(name: str, saved: dict[str, Path], tmp_path: Path) -> None:
    """A few hundred kilobytes that unpack to hundreds of megabytes."""
    path = rewrite(saved[".keras"], tmp_path / "mine.keras", {name: None})
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file,
        file.open(name, "w") as entry,
    ):
        for _ in range(200):
            entry.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    assert "unpacks to" in (message := refusal(path)) or "expands" in message


def test_the_stated_size_is_not_trusted(
    saved: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A central directory that states a small size does not get more bytes unpacked."""
    path = rewrite(saved[".keras"], tmp_path / "mine.keras", {"config.json": None})
    bomb = b'{"a": "' + b"a" * (4 << 20) + b'"}'
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("config.json", bomb)
    content = bytearray(path.read_bytes())
    at = content.rindex(struct.pack("<I", len(bomb)))
    content[at : at + 4] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert "Bad CRC-32" in refusal(path)  # of the first 100 bytes

    monkeypatch.setattr(archive, "MAX_CONFIG_BYTES", 1000)
    assert "1000 bytes" in refusal(saved[".keras"])


def test_files_of_another_kind_are_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    """A pickle would run code if it were loaded as one."""
    marker = tmp_path / "marker"

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(marker),)

    contents = {
        "pickle": pickle.dumps(Evil()),
        "empty": b"",
        "text": b"weights",
        "cut zip": saved[".keras"].read_bytes()[:-40],
        "cut h5": saved[".h5"].read_bytes()[:3000],
        "zip without a model": b"PK\x05\x06" + bytes(18),
    }
    for content in contents.values():
        for suffix in (*SUFFIXES, ".pkl"):
            path = tmp_path / f"mine{suffix}"
            path.write_bytes(content)
            assert "model.save" in refusal(path)
    assert not marker.exists()
    (tmp_path / "folder.keras").mkdir()
    assert "not a file" in refusal(tmp_path / "folder.keras")
    assert "not a file" in refusal(tmp_path / "absent.h5")


def test_a_cut_file_of_any_length_is_refused(saved: dict[str, Path], tmp_path: Path) -> None:
    """A download that broke off."""
    for suffix, source in saved.items():
        content = source.read_bytes()
        for part in range(10):
            path = tmp_path / f"mine{suffix}"
            path.write_bytes(content[: len(content) * part // 10])
            refusal(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("units", [10**9, 9_000_000, -1, 2.5, "many", None])
def test_layers_of_impossible_sizes_are_refused(
    units: Any, suffix: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    """Before Keras allocates their weights."""

    def change(config: Config) -> None:
        layer_config(config, "classes")["config"]["units"] = units

    message = refusal(with_config(saved[suffix], tmp_path / f"mine{suffix}", change))
    if isinstance(units, int) and units > 0:
        assert "at most 10000000" in message or "which the file does not hold" in message


def test_deep_and_constant_configurations_are_refused(
    saved: dict[str, Path], tmp_path: Path
) -> None:
    """A recursion limit, and a call that would compute a large constant while loading."""
    path = tmp_path / "mine.keras"
    for depth in (200, 100_000):
        text = '{"config": {"a": ' + "[" * depth + "]" * depth + "}}"
        rewrite(saved[".keras"], path, {"config.json": text.encode()})
        assert "deep" in (message := refusal(path)) or "recursion" in message

    constant = {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}

    def change(config: Config) -> None:
        tile = {"module": "keras.src.ops.numpy", "class_name": "Tile", "name": "tile"}
        entry = {**tile, "config": {"name": "tile", "repeats": [10**6]}}
        config["config"]["layers"].append(
            {**entry, "inbound_nodes": [{"args": [constant], "kwargs": {}}]}
        )

    assert "constants only" in refusal(with_config(saved[".keras"], path, change))
