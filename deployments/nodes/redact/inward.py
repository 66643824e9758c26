"""The way in: what is personal in a request is taken out of it, and put back into the answer."""

from __future__ import annotations

from collections.abc import Callable

from deployments.finding import Finder
from deployments.graph.rewriting.prompt import texts_of, with_texts
from deployments.graph.rewriting.writing import Written, said
from deployments.pii.restoring import Placeholders
from deployments.pii.vault import Vault
from deployments.request import Request

# Begins the search of one text.
Search = Callable[[], Finder]
# Without these no placeholder, nor part of one, is in an answer's bytes: neither as it is nor in an escape.
# Arguments of tools are read from their beginning on, to know what is inside their strings.
_MARKS = (b"<", b"\\u", b"\\\\", b"arguments", b"partial_json")


def masked(request: Request, search: Search) -> tuple[Request, Vault]:
    """Return *request* with placeholders for what *search* finds in it, and what they stand for."""
    texts = texts_of(request)
    vault = Vault(said(one.text) for one in texts)

    def mask(text: str, source: bool) -> str:
        other = Written(search(), vault.placeholder, source=source).whole(text)
        return text if other == text else other

    return with_texts(request, mask), vault


def found_in(request: Request, search: Search) -> dict[str, str]:
    """Return the kinds of what *search* finds in *request*, each with the field that holds the first."""
    found: dict[str, str] = {}
    for one in texts_of(request):

        def seen(kind: str, value: str, field: str = one.field) -> str:
            found.setdefault(kind, field)
            return value

        Written(search(), seen, source=one.source).whole(one.text)
    return found


class Restoring:
    """Begins the restoring of each text of an answer."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def __call__(self, *, source: bool) -> Written:
        """Return the rewriting of one text."""
        return Written(Placeholders(self._vault), lambda _, found: self._vault.value(found) or found, source=source)


def untouched(data: bytes) -> bool:
    """Say whether the bytes of an answer can hold no placeholder, nor a part of one."""
    return not any(mark in data for mark in _MARKS)
