"""A schema's own code on its way to executors, which do not have the service's modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tidegate.data.schemas import Schema
from tidegate.errors import ConfigError


@contextmanager
def travelling(schema: Schema, root: Path, *, needed: bool) -> Iterator[Schema]:
    """The schema as it can be pickled: with the code of modules below root.

    needed: else it goes without its definition. Raises ConfigError for one that cannot be pickled.
    """
    if not needed:
        yield replace(schema, definition=None)
        return
    from pyspark import cloudpickle

    modules = list(_modules_below(root.resolve()))
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        _hold_to_pickle(schema)
        yield schema
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _hold_to_pickle(schema: Schema) -> None:
    from pyspark import cloudpickle

    try:
        cloudpickle.dumps(schema)
    except Exception as error:
        raise ConfigError(
            "the schema's checks cannot be sent to Spark's executors: "
            f"{type(error).__name__}: {error}"[:300],
            where=f"schema {schema.reference}",
            remedy="let them use no open files, connections or locks, or write them as expressions "
            "of Polars",
        ) from None


def _modules_below(root: Path) -> Iterator[ModuleType]:
    installed = Path(sys.prefix).resolve()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or module.__name__.partition(".")[0] in ("tidegate", "__main__"):
            continue
        path = Path(file).resolve()
        if path.is_relative_to(root) and not path.is_relative_to(installed):
            yield module
