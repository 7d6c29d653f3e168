"""The YAML of a config, before any key of it means anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tidegate.errors import ConfigError

_MAX_NODES = 100_000


def read(path: Path) -> tuple[yaml.Node, dict[str, Any]]:
    """Its nodes, which know their lines, and its values.

    Raises ConfigError for what is no mapping, has a key twice or is larger than it looks.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            "there is no config here",
            where=str(path),
            remedy="run the command in the service's folder, or pass --config PATH",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config cannot be read: {error}", where=str(path)) from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        _hold_to_size(tree, path)
        values = yaml.safe_load(text)
    except RecursionError:
        raise ConfigError(
            "it is nested too deep, or in itself", where=str(path), remedy="write it out, flat"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(
            f"this is not valid YAML: {problem}",
            where=f"{path}{line}",
            remedy="mend the syntax; an editor with the JSON Schema shows where",
        ) from None
    if not isinstance(values, dict) or tree is None:
        raise ConfigError(
            "the config is empty, or not a mapping",
            where=str(path),
            remedy="start from the example in docs/config.md",
        )
    _refuse_repeated_keys(tree, path)
    return tree, values


def _hold_to_size(tree: yaml.Node | None, path: Path) -> None:
    """A few lines of aliases of aliases are a config that no machine gets to the end of.

    Raises RecursionError where an alias is part of what it stands for.
    """
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            inner = node.value if isinstance(node, yaml.CollectionNode) else ()
            parts = [part for pair in inner for part in (pair if type(pair) is tuple else (pair,))]
            sizes[id(node)] = 1 + sum(map(size, parts))
        return sizes[id(node)]

    if size(tree) > _MAX_NODES:
        raise ConfigError(
            f"with its aliases written out it holds more than {_MAX_NODES:,} values",
            where=str(path),
            remedy="take the aliases out that stand for other aliases",
        )


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    for mapping in _mappings(node):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if key.value in seen:
                raise ConfigError(
                    f"the key {key.value!r} stands here twice",
                    where=f"{path}:{key.start_mark.line + 1}",
                    remedy="keep one of them",
                )
            seen.add(key.value)


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from _mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _mappings(value)
