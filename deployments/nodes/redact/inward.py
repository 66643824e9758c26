"""The way in: what is personal in a request is taken out of it, and put back into the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from deployments.finding import Finder
from deployments.graph.rewriting.prompt import Prompted, with_texts
from deployments.graph.rewriting.writing import Written, said
from deployments.pii.restoring import Placeholders
from deployments.pii.vault import Vault
from deployments.request import Request

# Begins the search of one text.
Search = Callable[[], Finder]
# Without these no placeholder, nor part of one, is in an answer's bytes: neither as it is nor in an escape.
# Arguments of tools are read from their beginning on, to know what is inside their strings.
_MARKS = (b"<", b"\\u", b"\\\\", b"arguments", b"partial_json")


def masked(request: Request, texts: Sequence[Prompted], search: Search) -> tuple[Request, Vault]:
    """Return *request* with placeholders for what *search* finds in its *texts*, and what they stand for."""
    vault = Vault(said(one.text) for one in texts)
    others: dict[tuple[str, bool], str] = {}
    for one in texts:
        other = Written(search(), vault.placeholder, source=one.source).whole(one.text)
        if other != one.text:
            others[one.text, one.source] = other
    if not others:  # as most often: nothing has to be built anew
        return request, vault
    return with_texts(request, lambda text, source: others.get((text, source), text)), vault


def found_in(texts: Iterable[Prompted], search: Search) -> dict[str, str]:
    """Return the kinds of what *search* finds in *texts*, each with the field that holds the first."""
    found: dict[str, str] = {}
    for one in texts:

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
