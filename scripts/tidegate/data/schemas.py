"""pandera schemas, however they are written: classes, objects, YAML, JSON; pandas or Polars."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl
import yaml

from tidegate import references
from tidegate.data.lean_pandera import import_whole
from tidegate.errors import ConfigError

# Keys of a schema document that are about the document.
_HEADER = ("schema_type", "version", "api")


@dataclass(frozen=True)
class Schema:
    """A pandera DataFrameSchema and the backend that runs it."""

    reference: str
    backend: Literal["pandas", "polars"]
    definition: Any

    def declared_type(self, column: str) -> pl.DataType | None:
        """The type that the schema gives a column, in Polars' terms: what the text of a CSV means.

        None for a column that the schema does not know, or for a type that no text can have.
        """
        dtype = self.definition.dtype
        for name, declared in self.definition.columns.items():
            if name == column or (declared.regex and re.fullmatch(name, column)):
                dtype = dtype or declared.dtype
                break
        if dtype is None:
            return None
        return _polars_type(dtype) if self.backend == "polars" else _polars_type_of_pandas(dtype)


def _polars_type(dtype: Any) -> pl.DataType | None:
    try:
        declared = dtype.type() if inspect.isclass(dtype.type) else dtype.type
    except TypeError:
        return None
    return declared if isinstance(declared, pl.DataType) and not declared.is_nested() else None


def _polars_type_of_pandas(dtype: Any) -> pl.DataType | None:
    import pandas as pd

    if str(dtype) == "date":
        return pl.Date()
    if isinstance(dtype.type, pd.CategoricalDtype):
        return pl.Categorical()
    try:
        frame = pl.from_pandas(pd.DataFrame({"": pd.Series([], dtype=dtype.type)}))
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        return None
    return frame.dtypes[0]


def load_schema(reference: str, root: Path, *, where: str) -> Schema:
    """The schema that a config names.

    Raises ConfigError when it does not import, or is no pandera schema.
    """
    import_whole(reference, root)
    if reference.endswith((".yaml", ".yml", ".json")):
        return _from_document(reference, root, where)
    found = references.load(reference, root, where=where)
    definition = found
    if inspect.isclass(found) and hasattr(found, "to_schema"):
        try:
            definition = found.to_schema()
        except Exception as error:
            raise ConfigError(
                f"pandera makes no schema of {reference!r}: {type(error).__name__}: {error}",
                where=where,
                remedy="mend the class; calling its to_schema() in Python shows the same",
            ) from None
    backend = _backend(definition)
    if backend is None:
        kind = found if inspect.isclass(found) else type(found)
        raise ConfigError(
            f"{reference!r} is no pandera schema of pandas or Polars, but "
            f"{'the class' if kind is found else 'a'} {kind.__module__}.{kind.__qualname__}",
            where=where,
            remedy="name a DataFrameModel class or a DataFrameSchema object of pandera.pandas or "
            "pandera.polars",
        )
    return _with_rules(Schema(reference, backend, definition), where)


def _with_rules(schema: Schema, where: str) -> Schema:
    definition = schema.definition
    rules = (definition.columns, definition.checks, definition.unique, definition.strict)
    if not any(rules) and definition.dtype is None and getattr(definition, "index", None) is None:
        raise ConfigError(
            f"{schema.reference!r} has no rules, and a schema without rules passes anything",
            where=where,
            remedy="name its columns, with what must hold for them",
        )
    return schema


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
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the schema cannot be read: {getattr(error, 'strerror', None) or error}",
            where=f"{where}: {path}",
            remedy="mend the path; it is relative to the config's folder",
        ) from None
    try:
        document = yaml.safe_load(text) or {}
        # pandera writes which backend a document is for; JSON is YAML, too.
        if document.get("api") == "polars":
            import pandera.polars as pandera
        else:
            import pandera.pandas as pandera
        schema_class = pandera.DataFrameSchema
        read = schema_class.from_json if path.suffix == ".json" else schema_class.from_yaml
        definition = read(text)
    except Exception as error:
        raise ConfigError(
            f"pandera cannot read the schema: {type(error).__name__}: {error}",
            where=f"{where}: {path}",
            remedy="write it with pandera's own to_yaml() or to_json()",
        ) from None
    for key, owner in _keys(document, definition):
        # pandera passes over what it does not know: a misspelt rule would hold for nothing.
        if not (hasattr(owner, key) or hasattr(pandera.Check, key) or key in _HEADER):
            raise ConfigError(
                f"pandera knows no {key!r}",
                where=f"{where}: {path}",
                remedy="mend its spelling: pandera would pass over it in silence",
            )
    backend = _backend(definition)
    assert backend is not None  # noqa: S101 - both constructors above give a DataFrameSchema
    return _with_rules(Schema(reference, backend, definition), where)


def _keys(document: dict[str, Any], definition: Any) -> Iterator[tuple[str, Any]]:
    """(key, what it describes) of everything that a schema document says."""
    for key in document:
        yield key, definition
    for name, column in (document.get("columns") or {}).items():
        for key in column or {}:
            yield key, definition.columns[name]
