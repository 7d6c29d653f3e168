"""Kernels: code of ours that Spark's executors run, each on the rows of one partition."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import polars as pl
import pyarrow as pa

from tidegate import __version__
from tidegate.errors import DataError, TidegateError
from tidegate.spark.rows import (
    ERROR,
    SCHEMA,
    ExecutorError,
    Row,
    errors_raised,
    packed,
    unpacked,
)
from tidegate.spark.session import WHERE, is_remote, quiet

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VERSIONS = {"tidegate": __version__, "polars": pl.__version__}
# Spark Connect takes no message above 128 MiB: a larger kernel is sent as a file.
MESSAGE_BYTES = 16 << 20


class Kernel(Protocol):
    def __call__(self, rows: Iterator[Row], /) -> Iterator[Row]: ...


def apply(
    session: SparkSession,
    frame: DataFrame,
    kernel: Kernel,
    folder: Path,
    versions: Mapping[str, str] = VERSIONS,
) -> DataFrame:
    """What a kernel makes of each partition.

    folder: for a kernel that is sent as a file. versions: of the packages that it needs.
    """
    from pyspark import cloudpickle

    pickled: bytes = cloudpickle.dumps(kernel)
    shared: bytes | str = pickled
    if is_remote(session) and len(pickled) > MESSAGE_BYTES:
        file = folder / f"{uuid4().hex}.kernel"
        file.write_bytes(pickled)
        session.addArtifacts(str(file), file=True)
        shared = file.name
    return frame.mapInArrow(partial(run, shared, versions), SCHEMA)


def run(
    kernel: bytes | str, versions: Mapping[str, str], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """A kernel at work on one partition. kernel: pickled; or the name of its file in Spark.

    versions: those of the driver. An error that is meant for the user becomes a row.
    """

    def rows() -> Iterator[Row]:
        try:
            _hold_versions(versions)
            with quiet():
                work = _loaded(kernel)
            yield from work(errors_raised(unpacked(batches)))
        except (TidegateError, ExecutorError) as error:
            yield Row(0, ERROR, 0, pickle.dumps(error))

    return packed(rows())


def _hold_versions(expected: Mapping[str, str]) -> None:
    for name, version in expected.items():
        found = VERSIONS.get(name) or _installed(name)
        if found != version:
            raise DataError(
                f"Spark's executors have {name} {found}, the driver has {version}"
                if found
                else f"Spark's executors lack {name}",
                where=WHERE,
                remedy=f"install {name} {version} on the executors",
            )


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _loaded(shared: bytes | str) -> Kernel:
    if isinstance(shared, str):
        from pyspark import SparkFiles

        shared = Path(SparkFiles.get(shared)).read_bytes()
    kernel: Kernel = pickle.loads(shared)  # noqa: S301 - written by our own driver
    return kernel
