"""Archives of arrays: large ones are encoded piece by piece, with the content of small ones."""

import io

import numpy as np
from safetensors.numpy import load

from service.api.http import archives
from service.api.http.archives import Entry, entry_of


def arrays():
    """Arrays of every dtype and of odd shapes, one larger than a piece."""
    rng = np.random.default_rng(1)
    return {
        "large": rng.normal(size=(3, 300, 400)).astype(np.float32),
        "a/b:2": rng.normal(size=(2, 3, 4, 5)).astype(np.float16),
        "bytes": rng.integers(0, 256, (7,), np.uint8),
        "transposed": rng.normal(size=(20, 10)).astype(np.float32).T,
        "empty": np.zeros((0, 3), np.float32),
    }


def entries():
    """The same arrays as entries."""
    return {name: entry_of(array) for name, array in arrays().items()}


def assert_equal(loaded):
    """Check that arrays were read back."""
    assert set(loaded) == set(arrays())
    for name, array in arrays().items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_numpy_reads_a_streamed_npz():
    """The pieces of an npz are those of a file that NumPy reads, none much larger than 1 MiB."""
    pieces = list(archives.npz(entries()))
    assert max(map(len, pieces)) < 1.1 * archives.PIECE
    assert_equal(dict(np.load(io.BytesIO(b"".join(pieces)), allow_pickle=False)))


def test_safetensors_reads_streamed_safetensors():
    """The library reads the pieces; the header has the metadata as texts."""
    header = archives.safetensors_header(entries(), {"model": {"name": "x"}})
    pieces = list(archives.safetensors(header, entries()))
    raw = b"".join(pieces)
    assert max(map(len, pieces)) <= archives.PIECE
    assert len(header) % 8 == 0
    assert b'"__metadata__":{"model":"{\\"name\\":\\"x\\"}"}' in header
    assert_equal(load(raw))


def test_an_array_is_computed_when_it_is_encoded():
    """Each array is computed after the ones before are encoded, and is then released."""
    computed = []

    def entry(name):
        def compute():
            computed.append(name)
            return np.zeros(archives.PIECE, np.uint8)

        return Entry(compute, (archives.PIECE,), "uint8")

    remaining = {name: entry(name) for name in "abc"}
    pieces = archives.npz(remaining)
    next(pieces)
    assert computed == ["a"]
    assert list(remaining) == ["b", "c"]


def test_large_safetensors_state_their_length():
    """A streamed response has Content-Length where it is known, and the same content."""
    response = archives.respond("safetensors", entries(), {}, 0)
    length = int(response.headers["Content-Length"])
    raw = b"".join(response.response)
    assert len(raw) == length
    assert_equal(load(raw))
    assert "Content-Length" not in archives.respond("npz", entries(), {}, 0).headers
