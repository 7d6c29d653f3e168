"""Spark, where it is asked for: its session, and what goes wrong with it as one clear message."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import tidegate
from tidegate.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WHERE = "--engine spark"
# For rows of ours (tidegate.spark.rows).
SETTINGS = {
    # Each holds megabytes, not the bytes that Spark's own default of 10,000 counts on.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "8",
    # In such portions they come to the driver: they can be larger than what its JVM holds at once.
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "8m",
}


def open_session() -> SparkSession:
    """The session that is open, or a new one where Spark's own settings say.

    These are, the first that is there: SPARK_REMOTE (Spark Connect), spark.master in
    spark-defaults.conf, MASTER; without any, all cores of this machine.
    Raises ConfigError without pyspark or Java, or when Spark cannot be reached.
    """
    try:
        with quiet():
            from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigError(
            f"pyspark is not there: {error}",
            where=WHERE,
            remedy="pip install 'tidegate[spark]'; on this machine it also takes Java 17",
        ) from None
    try:
        with quiet(), _for_local_executors():
            session = SparkSession.getActiveSession() or _builder(SparkSession).getOrCreate()
    except Exception as error:
        if not _of_spark(error):
            raise
        raise ConfigError(
            f"Spark cannot be started or reached: {_reason(error)}",
            where=WHERE,
            remedy="on this machine Spark takes Java 17 or newer (JAVA_HOME); for another one see "
            "that SPARK_REMOTE or MASTER names it",
        ) from None
    if not is_remote(session) and session.sparkContext.master.startswith("local"):
        # By default that is the `python3` of the PATH, which need not have what this one has.
        session.sparkContext.pythonExec = os.environ.get("PYSPARK_PYTHON", sys.executable)
    return session


def is_remote(session: SparkSession) -> bool:
    """Whether it is Spark Connect's."""
    return type(session).__module__.startswith("pyspark.sql.connect")


@contextmanager
def working(session: SparkSession, settings: Mapping[str, str] = SETTINGS) -> Iterator[None]:
    """Work of Spark with some settings of the session changed.

    Raises DataError when Spark fails.
    """
    before = {name: session.conf.get(name, None) for name in settings}
    try:
        for name, value in settings.items():
            session.conf.set(name, value)
        with quiet():
            yield
    except Exception as error:
        if not _of_spark(error):
            raise
        reason = _reason(error)
        missing = re.search(r"No module named '([\w.]+)'", reason)
        raise DataError(
            f"Spark's executors lack {missing[1]}" if missing else f"Spark failed: {reason}",
            where=WHERE,
            remedy="install the driver's tidegate, with what it needs, where PYSPARK_PYTHON of the "
            "executors points"
            if missing
            else "Spark's own log says more; where memory ran out, give the executors more of it",
        ) from None
    finally:
        for name, earlier in before.items():
            if earlier is None:
                session.conf.unset(name)
            else:
                session.conf.set(name, earlier)


def _builder(of: type[SparkSession]) -> SparkSession.Builder:
    builder = of.builder
    if "SPARK_REMOTE" in os.environ:
        return builder
    return builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())


@contextmanager
def _for_local_executors() -> Iterator[None]:
    """Executors of this machine inherit the environment: it leads them to this very tidegate."""
    package = str(Path(tidegate.__file__).parents[1])
    searched = os.environ.get("PYTHONPATH")
    changes = {"PYTHONPATH": os.pathsep.join((package, searched)) if searched else package}
    if os.environ.get("SPARK_REMOTE", "").startswith("local"):
        changes["PYSPARK_PYTHON"] = os.environ.get("PYSPARK_PYTHON", sys.executable)
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, earlier in before.items():
            if earlier is None:
                del os.environ[name]
            else:
                os.environ[name] = earlier


@contextmanager
def quiet() -> Iterator[None]:
    """Around what imports pyspark, as pandera does: without its warning about pandas."""
    with warnings.catch_warnings():
        # Nothing here goes through the pandas of pyspark.
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        yield


def _of_spark(error: Exception) -> bool:
    """Whether Spark raised it: on the way to it, in it, or for what an executor raised."""
    package = type(error).__module__.partition(".")[0]
    return package in ("pyspark", "py4j", "grpc") or isinstance(
        error, ImportError | ConnectionError
    )


def _reason(error: Exception) -> str:
    """The line that says it: of tracebacks the last that names an error, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    names = r"(?:: |Caused by: )?([A-Za-z_][\w.$]*(?:Error|Exception): .+)"
    named = [found[1] for line in lines if (found := re.match(names, line))]
    return (named[-1] if named else lines[0] if lines else type(error).__name__)[:300]
