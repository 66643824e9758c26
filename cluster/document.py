"""YAML text to plain data: the core schema of YAML 1.2, where ``no`` is a word and ``22:00`` is not a number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cluster.problems import Loc, Problem, half_character, path_of, shown

_MOST_NODES = 100_000
_MOST_BYTES = 4 * 2**20


_CORE = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "seq", "map"))


class _Loader(yaml.SafeLoader):
    """Knows the core schema's kinds and no others."""


_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {
    tag: build for tag, build in yaml.SafeLoader.yaml_constructors.items() if tag is None or tag in _CORE
}


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    bases = {"0o": 8, "0x": 16}
    return int(text, bases.get(text[:2], 10))


_WORDS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
     "-+.0123456789"),
    ("merge", r"<<", "<"),
)  # fmt: skip
for _tag, _pattern, _first in _WORDS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def load(source: Path | str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Read a config from a file (a Path) or from text; problems such as a repeated key come beside what was read."""
    if isinstance(source, str):
        return parse(source, "config")
    try:
        with source.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        return parse(raw.decode("utf-8-sig"), str(source))
    except OSError as error:
        return _refused(str(source), f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        return _refused(str(source), f"is not UTF-8 text (byte {error.start})")


def parse(text: str, name: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    """Read YAML text; *name* is what to call it in a problem."""
    if len(text) > _MOST_BYTES:
        return _refused(name, f"is larger than {_MOST_BYTES // 2**20} MiB")
    try:
        return _read(_Loader(text), name)
    except yaml.MarkedYAMLError as error:
        return _refused(*_where(name, error))
    except (yaml.YAMLError, ValueError) as error:
        return _refused(name, f"is not YAML: {' '.join(str(error).split())}")
    except RecursionError:
        return _refused(name, "is nested too deeply, or refers to itself")


def _read(loader: _Loader, name: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    root = loader.get_single_node()
    if root is None:
        return _refused(name, "is empty; it needs at least 'models'")
    if _weight(root, {}, ()) > _MOST_NODES:
        return _refused(name, f"has more than {_MOST_NODES} values once its aliases are written out")
    problems = (*_repeated(root, ()), *_no_text(root, ()))
    document = loader.construct_document(root)
    if not isinstance(document, dict):
        return _refused(name, f"{shown(document)} is not a mapping; write 'models:' at the top level")
    return document, problems


def _refused(path: str, message: str) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    return {}, (Problem(path=path, message=message),)


def _where(name: str, error: yaml.MarkedYAMLError) -> tuple[str, str]:
    mark = error.problem_mark or error.context_mark
    place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    told = ", ".join(part for part in (error.context, error.problem) if part)
    return place, f"is not YAML: {told}"


def _weight(node: yaml.Node, known: dict[int, int], above: tuple[int, ...]) -> int:
    """Count the values below *node* with every alias written out; a node inside itself is without end."""
    if id(node) in above:
        raise RecursionError
    if id(node) not in known:
        within = (*above, id(node))
        known[id(node)] = 1 + sum(_weight(child, known, within) for child in _children(node))
    return known[id(node)]


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _repeated(node: yaml.Node, loc: Loc) -> Iterator[Problem]:
    if isinstance(node, yaml.SequenceNode):
        for at, child in enumerate(node.value):
            yield from _repeated(child, (*loc, at))
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines and name != "<<":
            message = f"is written twice, in lines {lines[name]} and {line}; keep one"
            yield Problem(path=path_of((*loc, name)), message=message)
        lines.setdefault(name, line)
        yield from _repeated(value, (*loc, name))


def _no_text(node: yaml.Node, loc: Loc) -> Iterator[Problem]:
    r"""Find scalars with half a character in them, which an escape such as \ud800 makes and no file can hold."""
    if isinstance(node, yaml.SequenceNode):
        for at, child in enumerate(node.value):
            yield from _no_text(child, (*loc, at))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _no_text(key, loc)
            yield from _no_text(value, (*loc, str(key.value)))
    elif (message := half_character(node.value)) is not None:
        yield Problem(path=path_of(loc), message=message)
