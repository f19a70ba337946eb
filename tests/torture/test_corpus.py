"""What fuzzing found keeps its outcome: every committed input goes through its target."""

import hashlib

import pytest

from torture.coverage import CORPUS
from torture.fuzz_targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_of_the_corpus_is_read_or_refused(name):
    """A target raises whatever the service does not declare."""
    inputs = sorted((CORPUS / name).iterdir())
    assert inputs, f"tests/fuzz/corpus/{name} is empty; `python -m torture.coverage merge` fills it"
    for path in inputs:
        try:
            TARGETS[name](path.read_bytes())
        except Exception as error:
            pytest.fail(f"{name}/{path.name}: {error!r}")


def test_the_corpus_is_small_and_named_by_content():
    """At most 200 inputs and 300 KB, so that it can be replayed in seconds."""
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == TARGETS.keys()
    assert len(files) <= 200
    assert sum(path.stat().st_size for path in files) <= 300_000
    for path in files:
        assert path.name == hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
