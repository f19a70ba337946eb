"""The keys file: valid and invalid lines."""

import hashlib
import hmac

import pytest

from service.errors import SettingsError
from service.keys import Keys

KEY = "correct-horse-battery"


def keys(tmp_path, text):
    """Return the keys of a file with that text."""
    (tmp_path / "keys").write_text(text)
    return Keys(str(tmp_path / "keys"))


def test_a_key_is_mapped_to_its_owners_name(tmp_path):
    """Keys may be plain or hashed, and an owner may have several; comments are ignored."""
    hashed = hashlib.sha256(b"another-key-of-anna").hexdigest().upper()
    loaded = keys(tmp_path, f"# keys\n\nanna:{KEY}\nanna:sha256:{hashed}\nben:{KEY}:x\n")
    assert loaded.required
    assert loaded.name_of(KEY) == "anna"
    assert loaded.name_of("another-key-of-anna") == "anna"
    assert loaded.name_of(f"{KEY}:x") == "ben"
    assert loaded.name_of(hashed) is None
    assert loaded.name_of("") is None


def test_a_key_is_compared_with_every_other_in_constant_time(tmp_path, monkeypatch):
    """Only SHA-256 digests are compared, of all keys each time, by a function of constant time."""
    compared = []
    constant = hmac.compare_digest

    def record(one, other):
        compared.append((one, other))
        return constant(one, other)

    loaded = keys(tmp_path, "".join(f"name{i}:{KEY}-{i}\n" for i in range(5)))
    monkeypatch.setattr(hmac, "compare_digest", record)
    for key, name in ((f"{KEY}-0", "name0"), (f"{KEY}-4", "name4"), (f"{KEY}-5", None)):
        compared.clear()
        assert loaded.name_of(key) == name
        digest = hashlib.sha256(key.encode()).digest()
        assert [other for _, other in compared] == [digest] * 5
        expected = [hashlib.sha256(f"{KEY}-{i}".encode()).digest() for i in range(5)]
        assert [one for one, _ in compared] == expected


def test_without_a_file_no_key_is_required():
    """An empty path disables API keys."""
    assert not Keys("").required


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no API key"),
        ("# nothing\n", "holds no API key"),
        (f"anna:{KEY}\nshort:secret\n", "keys, line 2: invalid API key"),
        (f"{KEY}\n", "line 1"),
        (f"a b:{KEY}\n", "line 1"),
        ("anna:sha256:abc\n", "line 1"),
        (f"anna:sha256:{'a' * 63}\n", "line 1"),  # a truncated hash
    ],
)
def test_an_invalid_line_is_reported_by_its_number(tmp_path, text, message):
    """The error does not quote the line, which may hold a secret."""
    with pytest.raises(SettingsError, match=message) as error:
        keys(tmp_path, text)
    assert "secret" not in str(error.value)
    assert KEY not in str(error.value)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    """The error states the path, the setting and what it allows."""
    with pytest.raises(SettingsError, match=r"nokeys.* Set CONVSCOPE_API_KEYS_FILE .* name:key"):
        Keys(str(tmp_path / "nokeys"))
