"""What answers are forgotten by: the model that gave one, the tenant that it belongs to, a tag."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployments.adapters import split_name


def labels_of(*, model: str, tenant: str, tags: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the labels of an answer; one by an adapter is its model's as well."""
    return tuple(dict.fromkeys(named(model=model, tenant=tenant, tags=tags)))


def named(*, model: str | None = None, tenant: str | None = None, tags: Iterable[str] = ()) -> Iterator[str]:
    """Yield the labels of what is named."""
    if tenant is not None:
        yield f"tenant={tenant}"
    if model is not None:
        yield f"model={model}"
        yield f"model={split_name(model)[0]}"
    yield from (f"tag={tag}" for tag in tags)


def label(*, model: str | None = None, tenant: str | None = None, tag: str | None = None) -> str:
    """Return the one label that is asked for; raises ValueError where that is none or several."""
    given = {"model": model, "tenant": tenant, "tag": tag}
    told = [f"{kind}={name}" for kind, name in given.items() if name is not None]
    if len(told) != 1:
        raise ValueError("name one of model, tenant and tag")
    return told[0]
