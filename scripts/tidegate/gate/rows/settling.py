"""What the joined tables are held to before anything is judged."""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.config import Config, Evaluation
from tidegate.errors import DataError
from tidegate.gate.rows.pairing import Pairing, Tally
from tidegate.gate.rows.tables import Side, Table, slice_parts

# Fourth powers of what lies between these are numbers of float64.
_TOO_SMALL, _TOO_LARGE = 1e-70, 1e70


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
