"""Datasets held against their pandera schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import polars as pl

from tidegate.config import Config, Dataset, place_of
from tidegate.data.beyond_schema import look_beyond_schema
from tidegate.data.engines.by_pandera import CheckCrashedError
from tidegate.data.engines.findings import Held, RefusedError
from tidegate.data.engines.running import Engine, hold
from tidegate.data.examples import Shown
from tidegate.data.frames import NoAnswerError
from tidegate.data.parts import Part, parts_of
from tidegate.data.results import CheckResult, DatasetResult
from tidegate.data.schema_checks import check_results, is_faulty, shortened
from tidegate.data.schemas import Schema, load_schema
from tidegate.data.sources import DatasetFiles
from tidegate.data.sources.formats import format_of
from tidegate.data.sources.opening import TableFile, open_files, readable
from tidegate.data.sources.partitions import partitions_of
from tidegate.errors import ConfigError, DataError, TidegateError, suggestion


def check_dataset(
    config: Config,
    name: str,
    dataset: Dataset,
    engine: Engine | Literal["spark"] = "auto",
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> DatasetResult:
    """Hold one dataset of the config against its schema: find its files, then check_files."""
    with DatasetFiles(config, name, dataset) as found:
        return check_files(config, name, dataset, found, engine, now)


def check_files(
    config: Config,
    name: str,
    dataset: Dataset,
    found: DatasetFiles,
    engine: Engine | Literal["spark"],
    now: Callable[[], datetime],
) -> DatasetResult:
    """Hold the files of a dataset against its schema.

    engine: auto compiles the rules that can be compiled and leaves the rest to pandera; polars
    refuses such a rest; pandera compiles nothing; spark is auto, on a Spark cluster.
    Raises ConfigError for the schema, DataError for files that cannot be judged.
    """
    where = f"dataset {name}"
    schema_place = place_of(config, "data", name, "schema")
    schema = load_schema(dataset.schema_reference, config.code, where=schema_place)
    with TemporaryDirectory(prefix="tidegate-") as folder:
        files = open_files(found.locations, Path(folder), schema.declared_type)
        rows = sum(file.rows for file in files)
        if not rows:
            raise DataError(
                "the dataset has no rows, and no rows prove nothing",
                where=f"{where}: {dataset.path}",
                remedy="see what wrote the files",
            )
        _hold_separators(schema, files)
        _hold_names(config, name, dataset, schema, files)
        parts = list(parts_of(schema, files))
        runner = _runner(engine, config.code)
        held = [_held(schema, part, runner, where, dataset.redact) for part in parts]
        with readable(files):
            shown = Shown(dataset.redact, dataset.key)
            checks = check_results(schema, parts, held, shown)
        beyond = look_beyond_schema(config, name, dataset, schema, files, Path(folder), now)
    return DatasetResult(
        name=name,
        path=dataset.path,
        schema=dataset.schema_reference,
        digest=found.digest,
        files=len(files),
        rows=rows,
        failing_rows=sum(part.blocked for part in held),
        tolerated_rows=dataset.tolerated_rows(rows),
        faulty=is_faulty(held, checks) or beyond.faulty,
        undecided=beyond.undecided,
        checks=(*checks, *beyond.checks),
        engine=_engine_of(checks),
        redacted_columns=tuple(dataset.redact),
        drift=beyond.drift,
        profile=beyond.profile,
    )


def _hold_names(
    config: Config, name: str, dataset: Dataset, schema: Schema, files: Sequence[TableFile]
) -> None:
    """A misspelt column that is to be redacted would be shown."""
    declared = schema.definition.columns
    known = dict.fromkeys([*declared, *(column for file in files for column in file.schema)])
    patterns = [pattern for pattern, column in declared.items() if column.regex]
    for key, columns in (("redact", dataset.redact), ("key", dataset.key)):
        for column in columns:
            if column in known or any(re.fullmatch(pattern, column) for pattern in patterns):
                continue
            raise ConfigError(
                f"neither the data nor the schema has a column {column!r}"
                + suggestion(column, known),
                where=place_of(config, "data", name, key),
                remedy="name a column as it is spelt there",
            )


def _hold_separators(schema: Schema, files: Sequence[TableFile]) -> None:
    """A CSV without commas is one wide column, and each column of the schema would be lost."""
    declared = schema.definition.columns
    if len(declared) < 2:
        return
    for file in files:
        own = [column for column in file.schema if column not in partitions_of(file.name)]
        if format_of(file.name) != "CSV" or len(own) != 1 or own[0] in declared:
            continue
        for separator, words in ((";", "semicolons"), ("\t", "tabs")):
            if separator in own[0]:
                raise DataError(
                    f"the file has a single column, whose name holds {words}, and the schema wants "
                    f"several: its values seem to be separated by {words}, not by commas",
                    where=file.path,
                    remedy="write it again with commas, or as Parquet",
                )


@dataclass(frozen=True)
class _Runner:
    """What holds a part against a schema. refusal, remedy: of rules that it does not run."""

    hold: Callable[[Schema, Part], Held]
    refusal: str
    remedy: str


def _runner(engine: Engine | Literal["spark"], root: Path) -> _Runner:
    if engine == "spark":
        from tidegate.data.spark.holding import hold_on_spark

        return _Runner(
            partial(hold_on_spark, root=root),
            "not everything can be run on Spark, where no executor has all rows",
            "use --engine auto on a machine that holds these columns, or write the rules as "
            "expressions over a row",
        )
    return _Runner(
        partial(hold, engine=engine),
        "not everything can be compiled for Polars",
        "use --engine auto, which leaves these to pandera, or write them as expressions",
    )


def _held(schema: Schema, part: Part, runner: _Runner, where: str, redact: Sequence[str]) -> Held:
    place = f"{where}, schema {schema.reference}"
    try:
        with readable(part.files):
            return runner.hold(schema, part)
    except RefusedError as refused:
        rules = "; ".join(
            f"{_rule_named(rule.name, rule.column) if rule else 'the schema'}: {why}"
            for rule, why in refused.rules
        )
        raise ConfigError(f"{runner.refusal}: {rules}", where=place, remedy=runner.remedy) from None
    except CheckCrashedError as crash:
        named = _rule_named(crash.rule.name, crash.rule.column)
        # By its name: on Spark it comes from another process, as a class of its own.
        silent = type(crash.cause).__name__ == NoAnswerError.__name__
        raise DataError(
            f"the check {named} gives None, and must give true or false: is a return missing?"
            if silent
            else f"the check {named} raises {_told(crash.cause, redact)}",
            where=place,
            remedy="mend the check: it must say yes or no, for every table"
            if crash.rule.is_check
            else "the values of this column cannot be held to that rule: take it out of the schema",
        ) from None
    except TidegateError:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        raise DataError(
            f"pandera cannot run the schema: {_told(error, redact)}",
            where=place,
            remedy="run schema.validate() on the data in Python and mend what it says",
        ) from None


def _rule_named(name: str, column: str | None) -> str:
    return shortened(name) + (f" of column {column!r}" if column else "")


def _told(error: BaseException, redact: Sequence[str]) -> str:
    """An exception in one line. Its message may quote the data."""
    name = type(error).__name__
    return name if redact or not str(error) else f"{name}: {error}".splitlines()[0][:300]


def _engine_of(checks: Sequence[CheckResult]) -> str:
    engines = {check.engine for check in checks}
    return engines.pop() if len(engines) == 1 else "mixed"
