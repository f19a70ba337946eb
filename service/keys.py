"""Read API keys from a file and look up a key's owner. Does not know HTTP.

A line of the file is `name:key`, or `name:sha256:` and the key's SHA-256, so that the file need not
hold the key itself; empty lines and lines that begin with # are ignored. Only hashes are kept in
memory.
"""

import hashlib
import hmac
import re
from pathlib import Path

from service.errors import SettingsError

_LINE = re.compile(r"([\w.-]{1,64}):(?:sha256:([0-9a-fA-F]{64})|(?!sha256:)([!-~]{16,}))", re.ASCII)
_FORM = "name:key, where the key has at least 16 characters, or name:sha256:<the key's SHA-256>"


class Keys:
    """The API keys of a file."""

    def __init__(self, file: str) -> None:
        """Read the keys.

        Args:
            file: its path; "" where no key is required.

        Raises:
            SettingsError: the file cannot be read or parsed; states file and line, never a key.
        """
        self._file = file
        self._keys: tuple[tuple[str, bytes], ...] = ()  # owner's name, SHA-256
        self.reload()

    @property
    def required(self) -> bool:
        """Whether clients must send a key."""
        return bool(self._file)

    def reload(self) -> None:
        """Read the file again; where that fails, keep the current keys.

        Raises:
            SettingsError: the file cannot be read or parsed.
        """
        if self._file:
            self._keys = _read(Path(self._file))

    def name_of(self, key: str) -> str | None:
        """Return the name of a key's owner, in constant time; None where the key is unknown."""
        digest = hashlib.sha256(key.encode()).digest()
        names = [name for name, each in self._keys if hmac.compare_digest(each, digest)]
        return names[0] if names else None


def _read(path: Path) -> tuple[tuple[str, bytes], ...]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The API keys cannot be read: {error}. Set CONVSCOPE_API_KEYS_FILE to a text "
            f"file with lines such as {_FORM}, or leave it empty to require no key."
        ) from error
    keys = tuple(
        _parse(line, f"{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line and not line.startswith("#")
    )
    if not keys:
        raise SettingsError(
            f"CONVSCOPE_API_KEYS_FILE {path} holds no API key; write one per line as {_FORM}."
        )
    return keys


def _parse(line: str, place: str) -> tuple[str, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise SettingsError(f"{place}: invalid API key; write it as {_FORM}.")
    name, digest, key = match.groups()
    return name, bytes.fromhex(digest) if digest else hashlib.sha256(key.encode()).digest()
