"""The gate record: what binds a verdict to everything it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidegate import __version__, digest

SCHEMA_VERSION = 1


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """The record of `content`, with the versions and its own digest."""
    record = {"schema_version": SCHEMA_VERSION, "tool_version": __version__, **content}
    return {**record, "digest": digest.of_json(record)}


def is_intact(record: Mapping[str, Any]) -> bool:
    """Whether nobody edited the record since it was sealed."""
    content = {name: value for name, value in record.items() if name != "digest"}
    return record.get("digest") == digest.of_json(content)
