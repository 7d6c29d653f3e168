"""The whole of it: one pass over each dataset, then every column's drift and histogram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from tidegate.config import Drift
from tidegate.data.drift.classifier import judge_classifier, need_scikit_learn
from tidegate.data.drift.columns import (
    Column,
    Incomparable,
    chosen_columns,
    match,
    own_columns,
)
from tidegate.data.drift.judging import judge_column, tests_of
from tidegate.data.drift.measures import Risks
from tidegate.data.drift.profiles import MAX_COLUMNS, profiles
from tidegate.data.drift.results import ColumnDrift, ColumnProfile
from tidegate.data.drift.survey import Survey, survey
from tidegate.verdict import Verdict

_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True)
class Examination:
    """What there is to tell of a dataset: drift is empty where it is off or has no reference."""

    drift: tuple[ColumnDrift, ...] = ()
    profile: tuple[ColumnProfile, ...] = ()


def examine(
    current: pl.LazyFrame,
    reference: pl.LazyFrame | None,
    settings: Drift,
    *,
    where: str,
    key: Sequence[str] = (),
    redact: Sequence[str] = (),
) -> Examination:
    """Read both datasets once; judge each column, and count it for the page.

    where: of the drift section in the config. Raises ConfigError for a column that neither side
    has, or for a classifier without scikit-learn. Polars' own errors pass through.
    """
    if settings.mode == "off":
        return Examination()
    if reference is None:
        return Examination(profile=profile(current, key=key, redact=redact))
    if settings.classifier:
        need_scikit_learn(where)
    pair = _survey_both(current, reference, settings, where, key, redact)
    drift = tuple(_drift(pair, settings, redact))
    worst_first = sorted(drift, key=lambda found: _WORST_FIRST.index(found.verdict))
    names = [found.column for found in worst_first if found.column is not None]
    shown = [name for name in names if name in pair.own and name not in (*redact, *key)]
    columns = [pair.own[name] for name in shown]
    return Examination(drift, tuple(profiles(columns, pair.current, pair.reference)))


def compare(
    current: pl.LazyFrame,
    reference: pl.LazyFrame,
    settings: Drift,
    *,
    where: str,
    key: Sequence[str] = (),
    redact: Sequence[str] = (),
) -> tuple[ColumnDrift, ...]:
    """The drift alone."""
    return examine(current, reference, settings, where=where, key=key, redact=redact).drift


def profile(
    current: pl.LazyFrame, *, key: Sequence[str] = (), redact: Sequence[str] = ()
) -> tuple[ColumnProfile, ...]:
    """Histograms of a dataset that has no reference."""
    schema = current.collect_schema()
    names = [name for name in schema if name not in (*key, *redact)]
    columns = own_columns(schema, names)
    found = survey(current, columns[:MAX_COLUMNS])
    return tuple(profiles(columns, found, None))


@dataclass(frozen=True)
class _Pair:
    """Both surveys, and for each column what can be compared.

    own: the columns that the dataset itself has, as they were counted.
    """

    current: Survey
    reference: Survey
    matched: Sequence[Column | Incomparable]
    own: Mapping[str, Column]

    @property
    def columns(self) -> list[Column]:
        return [column for column in self.matched if isinstance(column, Column)]


def _survey_both(
    current: pl.LazyFrame,
    reference: pl.LazyFrame,
    settings: Drift,
    where: str,
    key: Sequence[str],
    redact: Sequence[str],
) -> _Pair:
    now, before = current.collect_schema(), reference.collect_schema()
    matched = list(match(now, before, chosen_columns(now, before, settings.columns, key, where)))
    columns = [column for column in matched if isinstance(column, Column)]
    alone = [column.name for column in matched if column not in columns and column.name in now]
    own = [*columns, *own_columns(now, [name for name in alone if name not in redact])]
    return _Pair(
        survey(current, own),
        survey(reference, columns),
        matched,
        {column.name: column for column in own},
    )


def _drift(pair: _Pair, settings: Drift, redact: Sequence[str]) -> Iterator[ColumnDrift]:
    rows = pair.current.rows, pair.reference.rows
    risks = Risks.of(
        settings.confidence, tests_of(pair.columns, classifier=settings.classifier)
    )  # fmt: skip
    empty = None if all(rows) else "dataset" if not rows[0] else "reference"
    for column in pair.matched:
        redacted = column.name in redact
        if isinstance(column, Column) and empty is None:
            yield judge_column(
                column, pair.current, pair.reference, settings, risks, redacted=redacted
            )
            continue
        verdict, detail = Verdict.INCONCLUSIVE, f"cannot tell: the {empty} has no rows"
        if isinstance(column, Incomparable):
            verdict, detail = column.verdict, column.detail
        yield ColumnDrift(
            column=column.name,
            kind=column.kind,
            verdict=verdict,
            blocking=settings.mode == "fail",
            detail=detail,
            rows=rows[0],
            reference_rows=rows[1],
            redacted=redacted,
        )
    if settings.classifier:
        yield judge_classifier(
            pair.columns, pair.current, pair.reference, settings, risks, redact
        )  # fmt: skip
