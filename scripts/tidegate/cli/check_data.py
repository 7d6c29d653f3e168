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
  tidegate check-data --base origin/main        (judged by its rules, with what changes in them)
"""

from __future__ import annotations

import argparse
import fnmatch
import glob
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tidegate import config as configs
from tidegate.cli import lines
from tidegate.cli.base import add_base_argument, bar_of, branch_of, overriding
from tidegate.config import Config, Dataset
from tidegate.context import Context
from tidegate.data.lean_pandera import import_lean
from tidegate.data.results import DataReport, DatasetLike, DatasetResult
from tidegate.data.sources import DatasetFiles
from tidegate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from tidegate.policy.bar import Bar
    from tidegate.policy.branch import Branch


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
    # Where there is a config, for a gate say, both reports are of one service, in one comment.
    name = configs.load(path).service if path.exists() else path.resolve().parent.name.lower()
    bare = Config.model_construct(service=name, model=name, data={"data": dataset})
    bare._path, bare._flags = path, {"path": "--data", "schema": "--schema"}
    return bare


def run(arguments: argparse.Namespace, config: Config, context: Context) -> DataReport:
    branch = branch_of(arguments.base, config, context)
    with bar_of(branch, config) as bar:
        judge = bar.of_data
        names = dict.fromkeys([*judge.data, *sorted(bar.apart)])
        if not names:
            raise ConfigError(
                "the config names no dataset",
                where=str(config.path),
                remedy="add data: to it, or pass --data and --schema",
            )
        known = {name: judge.data.get(name) or config.data[name] for name in names}
        for name in arguments.dataset:
            if name not in known:
                config.need_dataset(name)
        chosen = {name: known[name] for name in arguments.dataset} or known
        if arguments.files:
            touched = [path for file in arguments.files for path in _paths(file)]
            chosen = {
                name: dataset
                for name, dataset in chosen.items()
                if any(_belongs(path, dataset, judge) for path in touched)
            }
        return check(config, bar, branch, chosen, arguments.engine, context)


def check(
    config: Config,
    bar: Bar,
    branch: Branch | None,
    chosen: Mapping[str, Dataset],
    engine: Literal["auto", "polars", "pandera", "spark"],
    context: Context,
) -> DataReport:
    """Hold datasets to the bar; `config` is the checkout's own."""
    judged = {name: dataset for name, dataset in chosen.items() if name not in bar.apart}
    found = _results(bar.of_data, judged, engine, context)
    results: tuple[DatasetLike, ...] = found
    policy = bar.data
    if branch is not None:
        from tidegate.data.contract import Base, with_contract
        from tidegate.policy.apart import check_apart
        from tidegate.policy.changes import with_schema_changes

        base = Base.of(config, branch)
        found = tuple(
            with_contract(result, base) if result.name in config.data else result
            for result in found
        )
        new = [name for name in chosen if name in bar.apart]
        results = (*found, *check_apart(config, new, engine, branch.ref, context))
        policy = with_schema_changes(bar.data, found)
    report = DataReport(config.service, context.commit(config.root), results, policy)
    if not report.blocked:
        return report
    return replace(report, overriding=overriding("check-data", bar.of_data, context))


def _results(
    config: Config,
    chosen: Mapping[str, Dataset],
    engine: Literal["auto", "polars", "pandera", "spark"],
    context: Context,
) -> tuple[DatasetResult, ...]:
    with ExitStack() as stack:
        # Before anything else: files are hashed on another core while this one imports and checks.
        found = {
            name: stack.enter_context(DatasetFiles(config, name, dataset))
            for name, dataset in chosen.items()
        }
        import_lean((dataset.schema_reference for dataset in config.data.values()), config.code)
        from tidegate.data.checks import check_files

        return tuple(
            check_files(config, name, dataset, found[name], engine, context.now)
            for name, dataset in chosen.items()
        )


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
