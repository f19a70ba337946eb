"""A damaged file loads or gives one line, whatever was damaged."""

import copy
import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from tests.training.saved_models import Config, with_config
from training.errors import ExportError
from training.loading import load_model

FEW, ALL = range(60), range(60, 500)
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 3, 10**6, 10**9, 10**30, 1e308, float("nan"), "", "x", "relu", "same"),
    *("\n\x1b[31m", [], {}, [None], [0, 0], [3, 3], [[[]]], {"class_name": "Dense"}),
    {"class_name": "Dense", "config": None},
    {"class_name": "function", "config": "relu", "module": "builtins"},
    {"class_name": "__numpy__", "config": {"value": [1], "dtype": "float32"}},
)
CLASSES = sorted(name for name in dir(keras.layers) if name[0].isupper())


def flip(content: bytes, chance: random.Random) -> bytes:
    """Replace a few bytes."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def cut(content: bytes, chance: random.Random) -> bytes:
    """Remove a piece, or everything after it."""
    start = chance.randrange(len(content))
    return content[:start] + chance.choice((b"", content[start + chance.randrange(2000) :]))


def splice(content: bytes, chance: random.Random) -> bytes:
    """Copy a piece to another place, over what was there or between it."""
    start, target = chance.randrange(len(content)), chance.randrange(len(content))
    piece = content[start : start + chance.randrange(1, 500)]
    return content[:target] + piece + content[target + chance.choice((0, len(piece))) :]


def places(node: Any) -> list[tuple[Any, Any]]:
    """Return every place in a configuration as (container, key)."""
    found: list[tuple[Any, Any]] = []
    pending = [node]
    while pending:
        item = pending.pop()
        keys = list(item) if isinstance(item, dict) else range(len(item))
        found += [(item, key) for key in keys]
        pending += [item[key] for key in keys if isinstance(item[key], (dict, list))]
    return found


def configured(chance: random.Random) -> Callable[[Config], None]:
    """Return a function that changes a configuration in one or a few places."""

    def change(config: Config) -> None:
        for _ in range(chance.choice((1, 1, 1, 4))):
            container, key = chance.choice(places(config))
            action = chance.randrange(5)
            if action == 0:
                del container[key]
            elif action == 1:
                other, place = chance.choice(places(config))
                container[key] = copy.deepcopy(other[place])
            elif action == 2 and isinstance(container, dict) and "class_name" in container:
                container["class_name"] = chance.choice(CLASSES)
            elif action == 3 and isinstance(container, list):
                container.append(copy.deepcopy(container[key]))
            else:
                container[key] = copy.deepcopy(chance.choice(VALUES))

    return change


def outcome(path: Path) -> str:
    """Return the line that refuses a file, or nothing where it loads."""
    try:
        load_model(path)
    except ExportError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "seeds", [pytest.param(FEW, id="60"), pytest.param(ALL, id="440", marks=pytest.mark.slow)]
)
def test_damage_gives_one_line(
    seeds: range, saved: dict[str, Path], temporary: Path, tmp_path: Path
) -> None:
    """No other exception leaves the loader, and no file stays behind."""
    mutations = itertools.product((flip, cut, splice, None), saved)
    kinds = list(mutations)
    loaded = 0
    for seed in seeds:
        chance = random.Random(seed)
        mutate, suffix = kinds[seed % len(kinds)]
        path = tmp_path / f"mine{suffix}"
        if mutate:
            path.write_bytes(mutate(saved[suffix].read_bytes(), chance))
        else:
            with_config(saved[suffix], path, configured(chance))
        before = path.read_bytes()
        message = outcome(path)
        loaded += message == ""
        assert message.isprintable(), seed
        assert str(tmp_path) not in message, seed
        assert len(message) < 700, seed
        assert path.read_bytes() == before
        path.unlink()
        assert sorted(tmp_path.rglob("*")) == sorted([*saved.values(), temporary]), seed
    assert 0 < loaded < len(seeds)


def test_the_damage_reaches_the_configuration() -> None:
    """Most changes of the configuration change it."""
    config: Config = json.loads('{"class_name": "A", "config": {"layers": [1, 2, {"a": null}]}}')
    changed = 0
    for seed in range(50):
        damaged = copy.deepcopy(config)
        configured(random.Random(seed))(damaged)
        changed += damaged != config
    assert changed > 40
