"""YAML for people: keys in their order, text of several lines as a block."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

WHOLE_LINES = 10_000


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _block)


def as_yaml(value: Mapping[str, Any], *, width: int = 120) -> str:
    """Return *value* as YAML; longer lines than *width* letters are folded where they can be."""
    return yaml.dump(dict(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width)
