"""pandera schemas, however they are written: classes, objects, YAML, JSON; pandas or Polars."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from tidegate import references
from tidegate.errors import ConfigError


@dataclass(frozen=True)
class Schema:
    """A pandera DataFrameSchema and the backend that runs it."""

    reference: str
    backend: Literal["pandas", "polars"]
    definition: Any

    @property
    def text_columns(self) -> list[str]:
        """Columns that the schema declares as text: a CSV cannot say so itself."""
        return [
            name
            for name, column in self.definition.columns.items()
            if any(word in str(column.dtype).lower() for word in ("str", "object", "categor"))
        ]


def load_schema(reference: str, root: Path, *, where: str) -> Schema:
    """The schema that a config names.

    Raises ConfigError when it does not import, or is no pandera schema.
    """
    if reference.endswith((".yaml", ".yml", ".json")):
        return _from_document(reference, root, where)
    found = references.load(reference, root, where=where)
    definition = (
        found.to_schema() if inspect.isclass(found) and hasattr(found, "to_schema") else found
    )
    backend = _backend(definition)
    if backend is None:
        kind = "class" if inspect.isclass(found) else type(found).__name__
        raise ConfigError(
            f"{reference!r} is no pandera schema: it is a {kind}",
            where=where,
            remedy="name a DataFrameModel class or a DataFrameSchema object of pandera.pandas or "
            "pandera.polars",
        )
    return Schema(reference, backend, definition)


def _backend(definition: Any) -> Literal["pandas", "polars"] | None:
    # By module name: importing both backends to ask isinstance would cost a second.
    for ancestor in type(definition).__mro__:
        if ancestor.__name__ == "DataFrameSchema":
            if ancestor.__module__.startswith("pandera.api.polars"):
                return "polars"
            if ancestor.__module__.startswith("pandera.api.pandas"):
                return "pandas"
    return None


def _from_document(reference: str, root: Path, where: str) -> Schema:
    path = root / reference
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the schema cannot be read: {error.strerror}",
            where=f"{where}: {path}",
            remedy="mend the path; it is relative to the config's folder",
        ) from None
    try:
        # pandera writes which backend a document is for; JSON is YAML, too.
        if (yaml.safe_load(text) or {}).get("api") == "polars":
            import pandera.polars as pandera
        else:
            import pandera.pandas as pandera
        read = (
            pandera.DataFrameSchema.from_json
            if path.suffix == ".json"
            else (pandera.DataFrameSchema.from_yaml)
        )
        definition = read(text)
    except Exception as error:
        raise ConfigError(
            f"pandera cannot read the schema: {type(error).__name__}: {error}",
            where=f"{where}: {path}",
            remedy="write it with pandera's own to_yaml() or to_json()",
        ) from None
    backend = _backend(definition)
    assert backend is not None  # noqa: S101 - both constructors above give a DataFrameSchema
    return Schema(reference, backend, definition)
