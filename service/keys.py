"""API keys: which are known, and whose each is. Knows the file's form; nothing of HTTP.

A line of the file is `name:key`, or `name:sha256:` and the key's SHA-256 so that the file holds no
key itself; empty lines and those that begin with # are passed over. Only hashes stay in memory.
"""

import hashlib
import hmac
import re
from pathlib import Path

from service.errors import SettingsError

_LINE = re.compile(r"([\w.-]{1,64}):(?:sha256:([0-9a-fA-F]{64})|(?!sha256:)([!-~]{16,}))", re.ASCII)
_FORM = "name:key with a key of 16 characters or more, or name:sha256:<the key's SHA-256>"


class Keys:
    """The keys of a file, read again whenever asked."""

    def __init__(self, file: str) -> None:
        """Read the keys.

        Args:
            file: its path; "" where nobody needs a key.

        Raises:
            SettingsError: it cannot be read or used; names file and line, never a key.
        """
        self._file = file
        self._known: tuple[tuple[str, bytes], ...] = ()  # name, SHA-256
        self.reload()

    @property
    def needed(self) -> bool:
        """Whether a client needs one."""
        return bool(self._file)

    def reload(self) -> None:
        """Read the file again; where it cannot be used, the keys known before stay.

        Raises:
            SettingsError: as at first.
        """
        if self._file:
            self._known = _read(Path(self._file))

    def name_of(self, key: str) -> str | None:
        """Whose key that is; None: nobody's. Takes as long whichever it is."""
        digest = hashlib.sha256(key.encode()).digest()
        found = [name for name, known in self._known if hmac.compare_digest(known, digest)]
        return found[0] if found else None


def _read(path: Path) -> tuple[tuple[str, bytes], ...]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise SettingsError(f"The API keys cannot be read: {error}.") from error
    found = tuple(
        _parse(line, f"{path}, line {number}")
        for number, line in enumerate(lines, 1)
        if line and not line.startswith("#")
    )
    if not found:
        raise SettingsError(f"{path} holds no API key: write lines {_FORM}.")
    return found


def _parse(line: str, place: str) -> tuple[str, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise SettingsError(f"{place}: no API key; a line is {_FORM}.")
    name, digest, key = match.groups()
    return name, bytes.fromhex(digest) if digest else hashlib.sha256(key.encode()).digest()
