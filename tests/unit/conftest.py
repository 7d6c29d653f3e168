"""A Spark of this machine, one for all tests: a JVM of its own for each file would take minutes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def connect_port() -> int:
    from ports import free_port

    return free_port()


@pytest.fixture(scope="session")
def session(connect_port: int) -> Iterator[SparkSession]:
    """Two cores, which also answer to Spark Connect."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")
        patch.setenv("PYSPARK_PYTHON", sys.executable)  # for the server that Connect talks to
        from pyspark.sql import SparkSession

        started = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            # Less work for the compiler of a JVM that lives for a minute.
            .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
            .config("spark.ui.showConsoleProgress", "false")
            .config("spark.log.level", "OFF")
            .config("spark.sql.shuffle.partitions", "3")
            .config("spark.plugins", "org.apache.spark.sql.connect.SparkConnectPlugin")
            .config("spark.connect.grpc.binding.port", str(connect_port))
            .getOrCreate()
        )
    yield started
    started.stop()
