"""E-mail addresses (RFC 5321 with the usual characters, and letters of other alphabets)."""

from __future__ import annotations

from deployments.pii.detector import Detector, Place, pattern

# Names of files have an at-sign too: ``icon@2x.png``.
_FILES = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "mjs", "py", "json", "yaml", "yml", "txt",
    "md", "log", "html", "pdf", "woff", "ttf",
})  # fmt: skip
_LOCAL = rb"[A-Za-z0-9\xe0_%+][A-Za-z0-9\xe0._%+'\-]{0,63}"
_LABEL = rb"[A-Za-z0-9\xe0][A-Za-z0-9\xe0\-]{0,30}"
_EMAIL = pattern(_LOCAL + rb"(?:@|%40)(?:" + _LABEL + rb"\.){1,5}[A-Za-z\xe0]{2,24}")
_TELL = rb"[A-Za-z0-9\xe0._%+'\-](?:@|%40)[A-Za-z0-9\xe0]"


def _check(place: Place) -> int | None:
    local, _, domain = place.found.replace("%40", "@").rpartition("@")
    top = domain.rpartition(".")[2].lower()
    if (
        chr(place.previous).isalnum()
        or chr(place.next).isalnum()
        or top in _FILES
        or ".." in domain
        or local.endswith(".")
    ):
        return None
    # An address to clone from, ``git@host:path``, is nobody's.
    return None if local == "git" and place.next in b":/" else place.end


EMAIL = Detector("EMAIL", _EMAIL, _check, _TELL)
