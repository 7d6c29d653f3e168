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
# Fourth powers of what lies between these are numbers of float64.
_TOO_SMALL, _TOO_LARGE = 1e-70, 1e70


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


def settle(config: Config, tables: Sequence[Table], pairing: Pairing, tally: Tally) -> list[str]:
    """Hold the whole to what is tolerated; the notes on what was.

    Raises DataError for what cannot be judged: it names the table, the count and a few keys.
    """
    evaluation = config.need_evaluation()
    notes = []
    for table in tables:
        for check, count in zip(pairing.checks[table.side], tally.bad[table.side], strict=True):
            if count:
                raise DataError(
                    check.what.format(count=count), where=table.where, remedy=check.remedy
                )
        if (seen := tally.repeated[table.side]).rows:
            first = dict(zip(evaluation.key, seen.examples[0], strict=True))
            raise DataError(
                f"{seen.rows} rows share their key with another, such as {first}",
                where=table.where,
                remedy="the key must name a row: add the column that tells the rows apart",
            )
    for table in tables:
        seen = tally.alone[table.side]
        if not seen.rows:
            continue
        shown = ", ".join(str(key) for key in seen.examples)
        said = f"{seen.rows} keys stand in the {table.side}'s table alone, such as {shown}"
        if seen.rows > evaluation.tolerated_unpaired(table.rows):
            raise DataError(
                said,
                where=table.where,
                remedy="score both models on the same evaluation set, or say in "
                "evaluation.max-unpaired-rows how many may differ",
            )
        notes.append(f"{said}; they were left out.")
        notes += _lone_slices(evaluation, table.side, tally)
    if tally.relabelled.rows:
        shown = ", ".join(str(key) for key in tally.relabelled.examples)
        raise DataError(
            f"{tally.relabelled.rows} rows have another label in the baseline's table, such as "
            f"{shown}",
            where=tables[-1].where,
            remedy="score both models on the same evaluation set, labels included",
        )
    columns = {"weight": evaluation.weight, "cluster": evaluation.cluster}
    columns |= {f"slice.{n}": part.column for n, part in enumerate(slice_parts(evaluation))}
    for name, seen in tally.changed.items():
        if seen.rows:
            column = columns[name]
            shown = ", ".join(str(key) for key in seen.examples)
            raise DataError(
                f"{seen.rows} rows have another value of {column!r} in the baseline's table, such "
                f"as {shown}",
                where=tables[-1].where,
                remedy="score both models on the same evaluation set: weights, clusters and slices "
                "are its own, not the model's",
            )
    for side, (labels, answers) in tally.terms.items():
        if not answers & labels:
            raise DataError(
                f"{evaluation.prediction!r} holds {min(answers)!r}, and {evaluation.label!r} "
                f"{min(labels)!r}",
                where=next(table.where for table in tables if table.side == side),
                remedy="write both columns in the same terms",
            )
    for table, answers in zip(tables, tally.answers, strict=False):
        if tally.labels and not tally.labels & answers:
            raise DataError(
                f"no class of {evaluation.prediction or 'scores'!r} is one of "
                f"{evaluation.label!r}: {min(answers)!r} and {min(tally.labels)!r}, for example",
                where=table.where,
                remedy="write both columns in the same terms",
            )
    if tally.weightless:
        notes.append(f"{tally.weightless} rows have a weight of 0 and count for nothing.")
    if tally.paired == 0:
        raise DataError(
            "no row of the evaluation set counts",
            where=tables[0].where,
            remedy="see that the two tables share keys, and that some weights are above 0",
        )
    _hold_extremes(config, tables[0], tally)
    if len(tables) > 1 and not tally.differing:
        notes.append("Candidate and baseline answered the same on every row.")
    return notes


def _hold_extremes(config: Config, table: Table, tally: Tally) -> None:
    """Refuse what has no verdict: one class alone, and sizes that float64 cannot square."""
    evaluation = config.need_evaluation()
    classes = len(tally.labels) if config.task == "multiclass" else 2
    if config.task == "binary" and tally.label_sum in (0.0, float(tally.paired)):
        classes = 1
    if classes < 2:
        asked = f" (evaluation.positive-label: {evaluation.positive_label})"
        raise DataError(
            "only one class is present in the evaluation set"
            + (asked if evaluation.positive_label is not None else ""),
            where=table.where,
            remedy="an evaluation set needs rows of each class",
        )
    mean = tally.weight_sum / tally.paired
    if not _TOO_SMALL < mean < _TOO_LARGE:
        raise DataError(
            f"the weights are too {'small' if mean < 1 else 'large'} to be added up",
            where=table.where,
            remedy=f"write {evaluation.weight!r} in another unit: only its proportions count",
        )
    if tally.size and not _TOO_SMALL < tally.size < _TOO_LARGE:
        names = ", ".join(config.need_gate().metrics)
        raise DataError(
            f"{names} {'vanishes' if tally.size < 1 else 'overflows'}: labels or predictions are "
            f"too {'small' if tally.size < 1 else 'large'} to be squared",
            where=table.where,
            remedy="look for sentinel values, or express them in another unit",
        )


def _lone_slices(evaluation: Evaluation, side: Side, tally: Tally) -> list[str]:
    """Slices that stand on one side only."""
    names = []
    for columns, both, lone in zip(
        evaluation.slices, tally.levels, tally.alone_levels[side], strict=True
    ):
        keys = [name for name in lone.columns if name.startswith("slice.")]
        only = lone.join(both, on=keys, how="anti", nulls_equal=True).sort(keys)
        for row in only.select(*keys, "rows").rows():
            shown = ", ".join(
                f"{part.column}={value}" for part, value in zip(columns, row, strict=False)
            )
            names.append(f"{shown} ({row[-1]} rows)")
    return [f"Slices that the {side} alone has: {'; '.join(names)}."] if names else []


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
