"""Sums over rows, by slice, that can be computed in pieces, in any order, and merged.

A statistic says into which bin a row falls and which terms it adds there. Most have few bins and
are kept whole (`Dense`). Those of ranks and medians have a bin for each distinct value
(`Histogram`): exact until there are MAX_ENTRIES of them, then values share a bin with those that
agree in their leading bits. How many bits that takes depends on all rows together and not on how
they were split, so that every split gives the same bins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CALIBRATION_BINS = 15
MAX_ENTRIES = 1 << 21
_MANTISSA = 52
_LEVEL_SHIFT = 40  # a key is level << 40 | number of the value
_TINY = np.finfo(np.float64).eps
_HALF = int(np.float64(0.5).view(np.int64))


@dataclass(frozen=True)
class Rows:
    """One model's answers on some rows.

    label: 0 and 1, the number of the class, or a value; output: score or predicted value;
    answer: number of the predicted class; truth: probability given to the true class (multiclass);
    weight: None when all rows count 1; centre: what labels are summed from.
    """

    label: Floats
    output: Floats
    answer: Ints | None = None
    truth: Floats | None = None
    weight: Floats | None = None
    classes: int = 2
    quantile: float = 0.5
    centre: Floats | float = 0.0


@dataclass(frozen=True)
class Bins:
    """The sums of one statistic over the rows of one slice: values (bins, terms).

    points: value of each bin, where bins are values; coarse: whether several values share a bin,
    then within relative_width of one another; centre: the mean label, near which labels are summed.
    """

    values: Floats
    weight: float
    rows: int
    points: Floats | None = None
    coarse: bool = False
    relative_width: float = 0.0
    centre: float = 0.0


@dataclass(frozen=True)
class Terms:
    """Sums of terms of a row, without bins."""

    names: tuple[str, ...]

    @property
    def is_centred(self) -> bool:
        return "label" in self.names

    def bins(self, rows: Rows) -> Ints | None:
        return None

    def count(self, rows: Rows) -> int:
        return 1

    def terms(self, rows: Rows) -> list[Floats | None]:
        return [_TERMS[name](rows) for name in self.names]


@dataclass(frozen=True)
class Confusion:
    """Rows by label and predicted class."""

    is_centred: ClassVar[bool] = False

    def bins(self, rows: Rows) -> Ints | None:
        assert rows.answer is not None  # noqa: S101 - classes are there where they are judged
        return rows.label.astype(np.int64) * rows.classes + rows.answer

    def count(self, rows: Rows) -> int:
        return rows.classes**2

    def terms(self, rows: Rows) -> list[Floats | None]:
        return [None]


@dataclass(frozen=True)
class Calibration:
    """Label less score, and its square, in bins of equal width over 0 to 1."""

    is_centred: ClassVar[bool] = False

    def bins(self, rows: Rows) -> Ints | None:
        return np.minimum((rows.output * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)

    def count(self, rows: Rows) -> int:
        return CALIBRATION_BINS

    def terms(self, rows: Rows) -> list[Floats | None]:
        gap = rows.label - rows.output
        return [gap, gap**2]


@dataclass(frozen=True)
class Scores:
    """Rows by score and class, [negative, positive]."""

    is_centred: ClassVar[bool] = False
    classes: int = 2

    def codes(self, rows: Rows) -> Ints:
        """The score as a number that sorts like it and is as fine near 1 as near 0."""
        lower = rows.output < 0.5
        # + 0.0: minus zero is zero, and its bits are not.
        bits = (np.where(lower, rows.output, 1 - rows.output) + 0.0).view(np.int64)
        return np.where(lower, bits, 2 * _HALF + 1 - bits)

    def group(self, rows: Rows) -> Ints | None:
        return rows.label.astype(np.int64)

    @staticmethod
    def coarsen(codes: Ints, bits: int) -> Ints:
        mask = ~((1 << (_MANTISSA - bits)) - 1)
        lower = codes <= _HALF
        return np.where(lower, codes & mask, 2 * _HALF + 1 - ((2 * _HALF + 1 - codes) & mask))

    @staticmethod
    def points(codes: Ints) -> Floats | None:
        return None  # ranks need no more than the order


@dataclass(frozen=True)
class AbsoluteErrors:
    """Rows by the size of their error."""

    is_centred: ClassVar[bool] = False
    classes: int = 1

    def codes(self, rows: Rows) -> Ints:
        return np.abs(rows.output - rows.label).view(np.int64)

    def group(self, rows: Rows) -> Ints | None:
        return None

    @staticmethod
    def coarsen(codes: Ints, bits: int) -> Ints:
        return codes & ~((1 << (_MANTISSA - bits)) - 1)

    @staticmethod
    def points(codes: Ints) -> Floats | None:
        return codes.view(np.float64)


Whole = Terms | Confusion | Calibration
ByValue = Scores | AbsoluteErrors  # with a bin for each value
Statistic = Whole | ByValue
CONFUSION, CALIBRATION, SCORES, ABSOLUTE_ERRORS = (
    Confusion(), Calibration(), Scores(), AbsoluteErrors(),
)  # fmt: skip


def dense(statistic: Whole, rows: Rows, levels: Ints, count: int) -> Floats:
    """Sums (level, bin, term) of a statistic without many bins; levels: number of each row's."""
    bins, width = statistic.bins(rows), statistic.count(rows)
    place = levels if bins is None else levels * width + bins
    sums = []
    for term in statistic.terms(rows):
        weights = rows.weight if term is None else weighted(term, rows.weight)
        sums.append(np.bincount(place, weights=weights, minlength=count * width))
    return np.stack(sums, axis=-1).reshape(count, width, len(sums)).astype(np.float64)


def weighted(term: Floats, weight: Floats | None) -> Floats:
    return term if weight is None else term * weight


@dataclass(frozen=True)
class Histogram:
    """Sums by slice, value and class: entry i is for the slice and value that keys[i] names.

    codes: the distinct values, increasing; keys: level << 40 | index into codes, increasing;
    values: (entries, classes); bits: leading bits of a value's mantissa that were kept.
    """

    statistic: ByValue
    codes: Ints
    keys: Ints
    values: Floats
    bits: int = _MANTISSA

    @property
    def is_coarse(self) -> bool:
        return self.bits < _MANTISSA

    def level(self, number: int, weight: float, rows: int) -> Bins:
        """The sums of one level."""
        found = self.places(number)
        codes = self.codes[self.keys[found] & ((1 << _LEVEL_SHIFT) - 1)]
        return Bins(
            self.values[found],
            weight,
            rows,
            points=self.statistic.points(codes),
            coarse=self.is_coarse,
            relative_width=2.0**-self.bits,
        )

    def places(self, number: int) -> slice:
        """Where the entries of a level stand."""
        ends = np.searchsorted(self.keys, [number << _LEVEL_SHIFT, (number + 1) << _LEVEL_SHIFT])
        return slice(int(ends[0]), int(ends[1]))

    def locate(self, part: Histogram) -> Ints:
        """For each entry of a part, the entry of this, the whole, that holds it."""
        if part is self:
            return np.arange(self.keys.size)
        coarse = self.statistic.coarsen(part.codes, self.bits)
        return np.searchsorted(self.keys, _renumber(part.keys, coarse, self.codes))

    def merge(self, *others: Histogram) -> Histogram:
        bits = min(part.bits for part in (self, *others))
        parts = [part._coarser(bits) for part in (self, *others)]
        codes = _sorted_union([part.codes for part in parts])
        keys = np.concatenate([_renumber(part.keys, part.codes, codes) for part in parts])
        order = np.argsort(keys, kind="stable")  # a few sorted runs: a merge
        values = np.concatenate([part.values for part in parts])[order]
        return _summed(self.statistic, codes, keys[order], values, bits).bounded()

    def bounded(self) -> Histogram:
        """With as many bits as keep the entries within MAX_ENTRIES."""
        if self.keys.size <= MAX_ENTRIES:
            return self
        low, high = 1, self.bits
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._entries(middle) <= MAX_ENTRIES else (low, middle)
        return self._coarser(low)

    def _entries(self, bits: int) -> int:
        keys = self._coarse_keys(bits)[1]
        return int(np.count_nonzero(_firsts(keys)))

    def _coarse_keys(self, bits: int) -> tuple[Ints, Ints]:
        coarse = self.statistic.coarsen(self.codes, bits)
        kept = coarse[_firsts(coarse)]
        return kept, _renumber(self.keys, coarse, kept)

    def _coarser(self, bits: int) -> Histogram:
        if bits == self.bits:
            return self
        codes, keys = self._coarse_keys(bits)
        return _summed(self.statistic, codes, keys, self.values, bits)


def histogram(
    statistic: ByValue,
    rows: Rows,
    levels: Sequence[tuple[int, int, Ints]],
    bits: int | None = None,
) -> tuple[Histogram, list[Ints]]:
    """Sums by slice and value; and for each of `levels` the entry of each row (-1: none).

    bits: leading bits of the values that are kept; by default all.
    levels: for each way of slicing (number of its first level, count of levels, level of each row;
    a row whose level is `count` is in no slice).
    """
    codes = statistic.codes(rows)
    if bits is not None:
        codes = statistic.coarsen(codes, bits)
    order = np.argsort(codes)
    ordered = codes[order]
    first = _firsts(ordered)
    number = np.cumsum(first) - 1
    group = statistic.group(rows)
    keys, values, entries = [], [], []
    held = 0
    for offset, count, level in levels:
        by_level = level[order]
        # Rows stand in the order of their value; a stable sort by level keeps that within each.
        inner = np.argsort(by_level.astype(np.uint16 if count < 65_535 else np.int64),
                           kind="stable") if count > 1 else slice(None)  # fmt: skip
        chosen = order[inner]
        key = ((by_level[inner] + offset) << _LEVEL_SHIFT) | number[inner]
        inside = int(np.searchsorted(key, (offset + count) << _LEVEL_SHIFT))
        chosen, key = chosen[:inside], key[:inside]
        starts = _firsts(key)
        entry = np.cumsum(starts) - 1
        total = int(entry[-1]) + 1 if inside else 0
        place = entry if group is None else entry * statistic.classes + group[chosen]
        sums = np.bincount(
            place,
            weights=None if rows.weight is None else rows.weight[chosen],
            minlength=total * statistic.classes,
        )
        keys.append(key[starts])
        values.append(sums.reshape(total, statistic.classes).astype(np.float64))
        of_row = np.full(codes.size, -1, dtype=np.int64)
        of_row[chosen] = entry + held
        entries.append(of_row)
        held += total
    whole = Histogram(
        statistic,
        ordered[first],
        np.concatenate(keys),
        np.concatenate(values),
        _MANTISSA if bits is None else bits,
    )
    return whole, entries


def _firsts(ordered: Ints) -> NDArray[np.bool_]:
    """Where a run of equal values begins."""
    first = np.ones(ordered.size, dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return first


def _renumber(keys: Ints, codes: Ints, among: Ints) -> Ints:
    """Keys with the numbers that their values have among other codes, which hold them all."""
    if np.array_equal(codes, among):
        return keys
    numbers = np.searchsorted(among, codes)
    low = (1 << _LEVEL_SHIFT) - 1
    renumbered: Ints = (keys & ~low) | numbers[keys & low]
    return renumbered


def _sorted_union(parts: Sequence[Ints]) -> Ints:
    every: Ints = np.sort(np.concatenate(parts), kind="stable")
    distinct: Ints = every[_firsts(every)]
    return distinct


def _summed(statistic: ByValue, codes: Ints, keys: Ints, values: Floats, bits: int) -> Histogram:
    """A histogram from sorted keys that may repeat."""
    first = _firsts(keys)
    entry = np.cumsum(first) - 1
    sums = [np.bincount(entry, weights=column) for column in values.T]
    return Histogram(statistic, codes, keys[first], np.column_stack(sums), bits)


def _log_loss(rows: Rows) -> Floats:
    """Probabilities are clipped to [eps, 1 - eps] of float64, as scikit-learn does."""
    given = rows.truth
    if given is None:
        given = np.where(rows.label == 1, rows.output, 1 - rows.output)
    return -np.log(np.clip(given, _TINY, 1 - _TINY))


def _relative_error(rows: Rows) -> Floats:
    """As in scikit-learn: a label of zero counts as the smallest step of float64."""
    return np.abs(rows.output - rows.label) / np.maximum(np.abs(rows.label), _TINY)


def _pinball_loss(rows: Rows) -> Floats:
    short = rows.label - rows.output
    return np.maximum(rows.quantile * short, (rows.quantile - 1) * short)


_TERMS: Mapping[str, Callable[[Rows], Floats]] = {
    "error": lambda rows: rows.output - rows.label,
    "absolute-error": lambda rows: np.abs(rows.output - rows.label),
    "squared-error": lambda rows: (rows.output - rows.label) ** 2,
    "relative-error": _relative_error,
    "pinball-loss": _pinball_loss,
    "log-loss": _log_loss,
    # Around the mean of their slice, so that the sum of squares does not drown the variance.
    "label": lambda rows: rows.label - rows.centre,
    "label-squared": lambda rows: (rows.label - rows.centre) ** 2,
}
