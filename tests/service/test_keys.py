"""The keys file: what it may hold, and what is said where it holds something else."""

import hashlib

import pytest

from service.errors import SettingsError
from service.keys import Keys

KEY = "correct-horse-battery"


def keys(tmp_path, text):
    """The keys of a file with that text."""
    (tmp_path / "keys").write_text(text)
    return Keys(str(tmp_path / "keys"))


def test_keys_are_known_by_name(tmp_path):
    """Plain or hashed, one name with several keys; comments and empty lines are passed over."""
    hashed = hashlib.sha256(b"another-key-of-anna").hexdigest().upper()
    found = keys(tmp_path, f"# keys\n\nanna:{KEY}\nanna:sha256:{hashed}\nben:{KEY}:x\n")
    assert found.required
    assert found.name_of(KEY) == "anna"
    assert found.name_of("another-key-of-anna") == "anna"
    assert found.name_of(f"{KEY}:x") == "ben"
    assert found.name_of(hashed) is None
    assert found.name_of("") is None


def test_without_a_file_nobody_needs_a_key():
    """No file, no keys."""
    assert not Keys("").required


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no API key"),
        ("# nothing\n", "holds no API key"),
        (f"anna:{KEY}\nshort:secret\n", "keys, line 2: no API key"),
        (f"{KEY}\n", "line 1"),
        (f"a b:{KEY}\n", "line 1"),
        ("anna:sha256:abc\n", "line 1"),
        (f"anna:sha256:{'a' * 63}\n", "line 1"),  # a hash cut short is no key
    ],
)
def test_a_line_that_is_no_key_is_told(tmp_path, text, said):
    """By its number; what it holds may be a secret."""
    with pytest.raises(SettingsError, match=said) as told:
        keys(tmp_path, text)
    assert "secret" not in str(told.value)
    assert KEY not in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    """By its name."""
    with pytest.raises(SettingsError, match="nokeys"):
        Keys(str(tmp_path / "nokeys"))
