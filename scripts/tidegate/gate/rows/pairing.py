"""Candidate and baseline joined on the key, in pieces: each row of both stands in one piece."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import polars as pl
import polars.selectors as cs

from tidegate.config import Config, Evaluation
from tidegate.errors import DataError
from tidegate.gate.rows.tables import Check, Side, Table, canonical, checks, slice_parts

MAX_NAMED_KEYS = 5
MAX_CLASSES = 500
# So many clusters are kept apart; where there are more, they share as many buckets.
MAX_CLUSTERS = 1 << 16


@dataclass(frozen=True)
class Seen:
    """How many rows, and the keys of a few of them."""

    rows: int = 0
    examples: tuple[tuple[object, ...], ...] = ()

    def __add__(self, other: Seen) -> Seen:
        return Seen(self.rows + other.rows, (self.examples + other.examples)[:MAX_NAMED_KEYS])


@dataclass(frozen=True)
class Tally:
    """What was seen while joining; tallies of pieces add up to that of the whole.

    changed: rows whose weight, cluster or slice is another in the baseline's table; size: the
    largest label or answer of a regression; terms: labels and answers of a side as they were
    written, where evaluation.positive-label has to be found in both.
    levels: for each way of slicing a frame (slice columns, rows, label_sum) of the paired rows;
    alone_levels: the same for the rows of each side that have no partner. clusters: None when there
    are more than MAX_CLUSTERS. bad: for each side the count of each of its checks.
    """

    paired: int = 0
    repeated: dict[Side, Seen] = field(default_factory=dict)
    alone: dict[Side, Seen] = field(default_factory=dict)
    relabelled: Seen = Seen()
    changed: dict[str, Seen] = field(default_factory=dict)
    bad: dict[Side, list[int]] = field(default_factory=dict)
    weightless: int = 0
    differing: int = 0
    label_sum: float = 0.0
    weight_sum: float = 0.0
    size: float = 0.0
    terms: dict[Side, tuple[frozenset[str], frozenset[str]]] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    answers: tuple[frozenset[str], ...] = ()
    clusters: frozenset[str] | None = frozenset()
    levels: tuple[pl.DataFrame, ...] = ()
    alone_levels: dict[Side, tuple[pl.DataFrame, ...]] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            paired=self.paired + other.paired,
            repeated=_added(self.repeated, other.repeated),
            alone=_added(self.alone, other.alone),
            relabelled=self.relabelled + other.relabelled,
            bad={
                side: [one + two for one, two in zip(counts, other.bad[side], strict=True)]
                for side, counts in self.bad.items()
            },
            weightless=self.weightless + other.weightless,
            differing=self.differing + other.differing,
            changed={
                column: self.changed.get(column, Seen()) + other.changed.get(column, Seen())
                for column in {**self.changed, **other.changed}
            },
            label_sum=self.label_sum + other.label_sum,
            weight_sum=self.weight_sum + other.weight_sum,
            size=max(self.size, other.size),
            terms={
                side: (labels | other.terms[side][0], answers | other.terms[side][1])
                for side, (labels, answers) in self.terms.items()
            },
            labels=self.labels | other.labels,
            answers=tuple(one | two for one, two in zip(self.answers, other.answers, strict=True)),
            clusters=_bounded_union(self.clusters, other.clusters),
            levels=_levels_added(self.levels, other.levels),
            alone_levels={
                side: _levels_added(levels, other.alone_levels[side])
                for side, levels in self.alone_levels.items()
            },
        )


@dataclass(frozen=True)
class Pairing:
    """How rows of the two tables are joined; made once, applied to every piece.

    Everything in it can be sent to another process.
    """

    task: str
    keys: int
    groups: tuple[tuple[int, ...], ...]
    columns: dict[Side, list[pl.Expr]]
    checks: dict[Side, list[Check]]
    has_weight: bool
    has_cluster: bool
    terms: tuple[str, str] | None  # columns of label and prediction, where they are text

    @classmethod
    def of(cls, config: Config, candidate: Table, baseline: Table | None) -> Pairing:
        """Raises DataError when the keys of the two tables cannot be compared."""
        evaluation = config.need_evaluation()
        tables = [candidate] if baseline is None else [candidate, baseline]
        if baseline is not None:
            _hold_keys(evaluation, candidate, baseline)
        kinds = {table.schema[column] for table in tables for column in evaluation.key}
        whole = pl.Int128() if kinds & {pl.UInt64(), pl.Int128()} else pl.Int64()
        return cls(
            task=config.task,
            keys=len(evaluation.key),
            groups=slice_groups(evaluation),
            columns={table.side: canonical(config, table, whole) for table in tables},
            checks={table.side: checks(config, table) for table in tables},
            has_weight=evaluation.weight is not None,
            has_cluster=evaluation.cluster is not None,
            terms=(evaluation.label, evaluation.prediction)
            if config.task == "binary" and evaluation.positive_label and evaluation.prediction
            else None,
        )

    @property
    def key(self) -> list[str]:
        return [f"key.{number}" for number in range(self.keys)]

    def join(self, raw: dict[Side, pl.DataFrame]) -> tuple[pl.DataFrame, Tally]:
        """The paired rows (columns of tables.canonical, `output.baseline` beside) and the tally."""
        bad = {
            side: _counted(frame, [check.bad for check in self.checks[side]])
            for side, frame in raw.items()
        }
        frames = {side: frame.select(self.columns[side]) for side, frame in raw.items()}
        repeated = {side: self._repeated(frame) for side, frame in frames.items()}
        tally = Tally(bad=bad, repeated=repeated, terms=self._terms(raw))
        if any(seen.rows for seen in repeated.values()) or any(map(sum, bad.values())):
            # Nothing will be judged, and joining repeated keys could fill the memory.
            empty = self._levels(next(iter(frames.values())).clear())
            return frames["candidate"].clear(), replace(
                tally,
                alone=dict.fromkeys(frames, Seen()),
                levels=empty,
                alone_levels=dict.fromkeys(frames, empty),
                answers=(frozenset(),) * len(frames),
            )
        piece = frames["candidate"]
        alone = dict.fromkeys(frames, Seen())
        alone_levels = dict.fromkeys(frames, self._levels(piece.clear()))
        relabelled, differing, changed = Seen(), 0, {}
        if "baseline" in frames:
            piece, alone_frames = self._joined(piece, frames["baseline"])
            for side, rest in alone_frames.items():
                alone[side] = self._seen(rest)
                alone_levels[side] = self._levels(rest)
            unequal = piece.filter(pl.col("label") != pl.col("label.baseline"))
            relabelled = self._seen(unequal)
            compared = [
                pl.col(name) != pl.col(f"{name}.baseline")
                for name in ("output", "truth")
                if name in piece.columns
            ]
            differing = piece.select(pl.any_horizontal(compared).sum()).item()
            changed = {
                name: self._seen(piece.filter(pl.col(name).ne_missing(pl.col(f"{name}.baseline"))))
                for name in piece.columns
                if name.startswith(("slice.", "weight", "cluster"))
                and f"{name}.baseline" in piece.columns
            }
            piece = piece.drop(f"{name}.baseline" for name in changed)
        weightless = 0
        if self.has_weight:
            counted = piece.filter(pl.col("weight") > 0)
            weightless = piece.height - counted.height
            piece = counted
        numbers = self.task != "multiclass"
        return piece.drop(self.key, "label.baseline", strict=False), replace(
            tally,
            paired=piece.height,
            alone=alone,
            relabelled=relabelled,
            changed=changed,
            weightless=weightless,
            differing=differing,
            label_sum=float(piece["label"].sum()) if numbers else 0.0,
            weight_sum=float(piece["weight"].sum()) if self.has_weight else float(piece.height),
            size=self._size(piece),
            labels=self._classes(piece, "label"),
            answers=tuple(
                self._classes(piece, name)
                for name in ("output", "output.baseline")
                if name in piece.columns
            ),
            clusters=self._clusters(piece),
            levels=self._levels(piece),
            alone_levels=alone_levels,
        )

    def _joined(
        self, candidate: pl.DataFrame, baseline: pl.DataFrame
    ) -> tuple[pl.DataFrame, dict[Side, pl.DataFrame]]:
        answers = baseline.select(
            pl.col(name).alias(f"{name}.baseline")
            for name in baseline.columns
            if not name.startswith("key.")
        )
        key = self.key
        if candidate.height == baseline.height and all(
            candidate[name].equals(baseline[name]) for name in key
        ):
            none: dict[Side, pl.DataFrame] = {
                "candidate": candidate.clear(),
                "baseline": baseline.clear(),
            }
            return pl.concat([candidate, answers], how="horizontal"), none
        piece = candidate.join(
            baseline.select(key).hstack(answers),
            on=key,
            how="inner",
            nulls_equal=True,
            maintain_order="left",
        )
        rest: dict[Side, pl.DataFrame] = {
            "candidate": candidate.join(baseline, on=key, how="anti", nulls_equal=True),
            "baseline": baseline.join(candidate, on=key, how="anti", nulls_equal=True),
        }
        return piece, rest

    def _repeated(self, frame: pl.DataFrame) -> Seen:
        key = self.key
        distinct = frame[key[0]].n_unique() if len(key) == 1 else frame.select(key).n_unique()
        if distinct == frame.height:
            return Seen()
        return self._seen(frame.filter(pl.struct(key).is_duplicated()))

    def _seen(self, frame: pl.DataFrame) -> Seen:
        return Seen(frame.height, tuple(frame.select(self.key).head(MAX_NAMED_KEYS).rows()))

    def _levels(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
        if frame.is_empty():
            return tuple(_no_levels(group) for group in self.groups)
        label = pl.lit(0.0) if self.task == "multiclass" else pl.col("label").sum()
        return tuple(
            frame.group_by(_slice_names(group)).agg(
                pl.len().cast(pl.Int64).alias("rows"), label.alias("label_sum")
            )
            if all(name in frame.columns for name in _slice_names(group))
            else _no_levels(group)
            for group in self.groups
        )

    def _terms(
        self, raw: dict[Side, pl.DataFrame]
    ) -> dict[Side, tuple[frozenset[str], frozenset[str]]]:
        if self.terms is None:
            return {}
        label, answer = (pl.col(name).cast(pl.String).unique().implode() for name in self.terms)
        found: dict[Side, tuple[frozenset[str], frozenset[str]]] = {}
        for side, frame in raw.items():
            labels, answers = frame.select(label.alias("label"), answer.alias("answer")).row(0)
            found[side] = frozenset(labels), frozenset(answers)
        return found

    def _size(self, piece: pl.DataFrame) -> float:
        if self.task != "regression" or piece.is_empty():
            return 0.0
        columns = [c for c in ("label", "output", "output.baseline") if c in piece.columns]
        return float(max(piece.select(pl.col(columns).abs().max()).row(0)))

    def _classes(self, piece: pl.DataFrame, column: str) -> frozenset[str]:
        if self.task != "multiclass":
            return frozenset()
        names = frozenset(piece[column].unique().to_list())
        if len(names) > MAX_CLASSES:
            raise DataError(
                f"there are more than {MAX_CLASSES} classes",
                where="evaluation.label",
                remedy="set task: regression where the label is a number",
            )
        return names

    def _clusters(self, piece: pl.DataFrame) -> frozenset[str] | None:
        if not self.has_cluster:
            return frozenset()
        found = piece["cluster"].unique()
        return None if found.len() > MAX_CLUSTERS else frozenset(found.fill_null("").to_list())


def slice_groups(evaluation: Evaluation) -> tuple[tuple[int, ...], ...]:
    """For each way of slicing, the numbers of its slice columns."""
    parts = slice_parts(evaluation)
    return tuple(tuple(parts.index(part) for part in group) for group in evaluation.slices)


def bucket_of(cluster: str) -> int:
    """The bucket that a cluster shares with others where there are too many to be kept apart."""
    return int.from_bytes(hashlib.blake2b(cluster.encode(), digest_size=2).digest(), "little")


def _hold_keys(evaluation: Evaluation, candidate: Table, baseline: Table) -> None:
    for column in evaluation.key:
        types = candidate.schema[column], baseline.schema[column]
        if types[0] != types[1] and not all(kind.is_integer() for kind in types):
            raise DataError(
                f"the key {column!r} is {types[0]} in the candidate's table and {types[1]} in the "
                "baseline's",
                where=baseline.where,
                remedy="write the key with one type",
            )


def _counted(frame: pl.DataFrame, bad: Sequence[pl.Expr]) -> list[int]:
    counts = frame.select(expression.sum().alias(str(i)) for i, expression in enumerate(bad))
    return [int(count or 0) for count in counts.row(0)] if bad else []


def _added(one: dict[Side, Seen], two: dict[Side, Seen]) -> dict[Side, Seen]:
    return {side: seen + two[side] for side, seen in one.items()}


def _bounded_union(one: frozenset[str] | None, two: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or two is None or len(both := one | two) > MAX_CLUSTERS:
        return None
    return both


def _slice_names(group: tuple[int, ...]) -> list[str]:
    return [f"slice.{number}" for number in group]


def _no_levels(group: tuple[int, ...]) -> pl.DataFrame:
    slices = dict.fromkeys(_slice_names(group), pl.String)
    return pl.DataFrame(schema={**slices, "rows": pl.Int64, "label_sum": pl.Float64})


def _levels_added(
    one: tuple[pl.DataFrame, ...], two: tuple[pl.DataFrame, ...]
) -> tuple[pl.DataFrame, ...]:
    return tuple(
        pl.concat([first, second])
        .group_by(cs.starts_with("slice."))
        .agg(pl.col("rows", "label_sum").sum())
        for first, second in zip(one, two, strict=True)
    )


def add_up(tallies: Sequence[Tally]) -> Tally:
    return reduce(Tally.__add__, tallies)
