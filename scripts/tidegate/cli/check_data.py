"""Hold datasets against their pandera schemas.

Reads the `data` section of the config, or without a config one dataset that the flags name.
pandas and Polars schemas, classes, objects, YAML and JSON; Parquet and CSV, files, folders, globs.

examples:
  tidegate check-data
  tidegate check-data --dataset flights
  tidegate check-data --data 'data/*.parquet' --schema src/schemas.py:Flights
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tidegate import config as configs
from tidegate.cli import lines
from tidegate.config import Config, Dataset
from tidegate.context import Context
from tidegate.data.checks import DataReport, check_dataset
from tidegate.errors import ConfigError

AVAILABLE_ENGINES = ("auto", "pandera")


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
        help="what runs the checks (default: %(default)s)",
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
    bare._path = path
    return bare


def run(arguments: argparse.Namespace, config: Config, context: Context) -> DataReport:
    if arguments.engine not in AVAILABLE_ENGINES:
        raise ConfigError(
            f"the engine {arguments.engine!r} is not there yet",
            where="--engine",
            remedy=f"use one of {', '.join(AVAILABLE_ENGINES)}",
        )
    if not config.data:
        raise ConfigError(
            "the config names no dataset",
            where=str(config.path),
            remedy="add data: to it, or pass --data and --schema",
        )
    chosen = {name: config.need_dataset(name) for name in arguments.dataset} or dict(config.data)
    if arguments.files:
        chosen = {
            name: dataset
            for name, dataset in chosen.items()
            if any(_belongs(file, dataset, config) for file in arguments.files)
        }
    results = tuple(check_dataset(config, name, dataset) for name, dataset in chosen.items())
    return DataReport(config.service, context.commit(config.root), results)


def _belongs(file: Path, dataset: Dataset, config: Config) -> bool:
    """Whether a changed file is of a dataset: its data, its `.dvc` file, or its schema."""
    try:
        name = file.resolve().relative_to(config.root)
    except ValueError:
        return False
    if name.as_posix() == dataset.schema_reference.partition(":")[0]:
        return True
    data = name.with_suffix("") if name.suffix == ".dvc" else name
    wanted = Path(dataset.path)
    return data == wanted or data.match(dataset.path) or data in wanted.parents or (
        wanted in data.parents
    )  # fmt: skip
