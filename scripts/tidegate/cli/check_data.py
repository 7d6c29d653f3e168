"""Hold datasets against their pandera schemas.

Reads the `data` section of the config, or without a config one dataset that the flags name.
pandas and Polars schemas, classes, objects, YAML and JSON; Parquet, CSV and JSON lines, files,
folders, globs and object stores.

Exit code 1 when more rows fail than the dataset tolerates, a column is lost or of another type, or
drift that is to fail is there or cannot be ruled out.

examples:
  tidegate check-data
  tidegate check-data --dataset flights
  tidegate check-data --data 'data/*.parquet' --schema src/schemas.py:Flights
  tidegate check-data data/2013-01.parquet      (only the datasets that this file belongs to)
  tidegate check-data --base origin/main        (with what a pull request would change)
"""

from __future__ import annotations

import argparse
import fnmatch
import glob
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate import config as configs
from tidegate.cli import lines
from tidegate.config import Config, Dataset
from tidegate.context import Context
from tidegate.data.lean_pandera import import_lean
from tidegate.data.results import DataReport, DatasetResult
from tidegate.data.sources import DatasetFiles
from tidegate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tidegate.data.contract import Base


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="check only the datasets that these files belong to (for pre-commit)",
    )
    parser.add_argument(
        "--dataset",
        type=lines,
        action="extend",
        default=[],
        metavar="NAME",
        help="dataset to check; may be repeated (default: all)",
    )
    parser.add_argument("--data", metavar="PATH", help="without a config: file, folder or glob")
    parser.add_argument("--schema", metavar="REF", help="without a config: file.py:Name")
    parser.add_argument(
        "--engine",
        choices=("auto", "polars", "pandera", "spark"),
        default="auto",
        help="what runs the checks; auto leaves to pandera what Polars cannot run, spark is for "
        "more rows than one machine holds (default: %(default)s)",
    )
    add_base_argument(parser)


def add_base_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--base",
        metavar="REF",
        help="branch or commit to show the changes of contract and data against (default: in a "
        "pull request of GitHub Actions its base branch, else none)",
    )


def load_config(arguments: argparse.Namespace) -> Config:
    if (arguments.data is None) != (arguments.schema is None):
        raise ConfigError(
            "--data and --schema belong together",
            remedy="give both, or neither and a config",
        )
    path = Path(arguments.config)
    if arguments.data is None:
        return configs.load(path)
    dataset = Dataset.model_validate({"path": arguments.data, "schema": arguments.schema})
    name = path.resolve().parent.name.lower()
    bare = Config.model_construct(service=name, model=name, data={"data": dataset})
    bare._path, bare._flags = path, {"path": "--data", "schema": "--schema"}
    return bare


def run(arguments: argparse.Namespace, config: Config, context: Context) -> DataReport:
    if not config.data:
        raise ConfigError(
            "the config names no dataset",
            where=str(config.path),
            remedy="add data: to it, or pass --data and --schema",
        )
    chosen = {name: config.need_dataset(name) for name in arguments.dataset} or dict(config.data)
    if arguments.files:
        touched = [path for file in arguments.files for path in _paths(file)]
        chosen = {
            name: dataset
            for name, dataset in chosen.items()
            if any(_belongs(path, dataset, config) for path in touched)
        }
    base = base_of(arguments.base, config, context)
    results = with_changes(_results(arguments, config, chosen, context), config, base)
    return DataReport(config.service, context.commit(config.root), results)


def _results(
    arguments: argparse.Namespace, config: Config, chosen: Mapping[str, Dataset], context: Context
) -> tuple[DatasetResult, ...]:
    with ExitStack() as stack:
        # Before anything else: files are hashed on another core while this one imports and checks.
        found = {
            name: stack.enter_context(DatasetFiles(config, name, dataset))
            for name, dataset in chosen.items()
        }
        import_lean((dataset.schema_reference for dataset in config.data.values()), config.root)
        from tidegate.data.checks import check_files

        return tuple(
            check_files(config, name, dataset, found[name], arguments.engine, context.now)
            for name, dataset in chosen.items()
        )


def base_of(ref: str | None, config: Config, context: Context) -> Base | None:
    """What changes are shown against: ref, else the base of GitHub's pull request, if it is here.

    Raises ConfigError for a ref that git does not know.
    """
    branch = context.environ.get("GITHUB_BASE_REF")
    if not ref and not branch:
        return None
    from tidegate.data.contract import Base

    if ref:
        return Base.at(config, ref)
    base = Base.of_pull_request(config, context.environ)
    if base is None:
        print(f"tidegate: changes of contract are not shown: origin/{branch} is not in this "
              "clone; check out with fetch-depth: 0", file=sys.stderr)  # fmt: skip
    return base


def with_changes(
    results: tuple[DatasetResult, ...], config: Config, base: Base | None
) -> tuple[DatasetResult, ...]:
    """The results with what their contracts and data have changed since the base."""
    if base is None:
        return results
    from tidegate.data.contract import with_contract

    return tuple(with_contract(config, result, base) for result in results)


def _paths(file: Path) -> Iterator[Path]:
    """Where a file stands, as written and with linked folders followed.

    Not the file itself: DVC may make it a link into its cache.
    """
    if not os.path.lexists(file):
        raise DataError(
            "there is no such file", where=str(file), remedy="name files that changed, or none"
        )
    yield Path(os.path.abspath(file))  # noqa: PTH100 - Path.resolve() would follow links
    yield file.parent.resolve() / file.name


def _belongs(path: Path, dataset: Dataset, config: Config) -> bool:
    """Whether the verdict on a dataset may depend on a changed file.

    It is of its data, its reference, its schema, or of a dataset that its foreign keys look into.
    """
    others = [config.need_dataset(rule.dataset) for rule in dataset.foreign_keys]
    schemas = [one.schema_reference.partition(":")[0] for one in (dataset, *others)]
    tables = [dataset.path, *(one.path for one in others)]
    if dataset.reference is not None:
        tables.append(dataset.reference)
    return any(path == config.resolve(schema) for schema in schemas) or any(
        _is_of(path, table, config) for table in tables
    )


def _is_of(path: Path, table: str, config: Config) -> bool:
    """Whether a file, or what a `.dvc` file stands for, is at a place that the config names.

    Rather one file too many: a wildcard matches across folders here.
    """
    pattern = os.path.normpath(Path(glob.escape(str(config.root)), table))
    data = Path(os.path.normpath(config.resolve(table)))
    tracked = path.with_suffix("") if path.suffix == ".dvc" else path
    return (
        data in (tracked, *tracked.parents)
        or fnmatch.fnmatchcase(str(tracked), pattern.replace("**/", "*"))
        or (path.suffix == ".dvc" and tracked in data.parents)
    )
