"""Put the name that the client knows in the place of the one that a remote model has at home."""

from __future__ import annotations

import re

import msgspec

# Quotes inside JSON's strings are escaped, so these bytes can only be a key and its value.
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')


class Renaming:
    """Changes the first ``"model": "..."`` of an object and no other byte; a stream repeats one text, found once."""

    def __init__(self, name: str) -> None:
        self._to = b'"model":' + msgspec.json.encode(name)
        self._from = b""

    def __call__(self, data: bytes) -> bytes:
        """Return *data* under the client's name."""
        if not self._from or self._from not in data:
            found = _MODEL.search(data)
            if found is None:
                return data
            self._from = found[0]
        return data.replace(self._from, self._to, 1)
