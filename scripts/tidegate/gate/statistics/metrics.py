"""Metrics as functions of sums over rows, with the gradient that every interval is made of.

A metric names the statistic it needs (see sums.py) and solves it: from the sums over the rows of a
slice it gives its value and the derivative of that value to each sum. A row adds its own terms to
the sums, so the derivative says by how much the value moves with that row (its influence: the
infinitesimal jackknife of Jaeckel 1972; Efron 1982, "The Jackknife, the Bootstrap and Other
Resampling Plans", ch. 6). Every value is unchanged when all weights are doubled, hence the
influence of all rows adds up to zero (Euler), and sums of its squares give the variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tidegate.gate.statistics.sums import (
    ABSOLUTE_ERRORS,
    CALIBRATION,
    CONFUSION,
    SCORES,
    Bins,
    Floats,
    Statistic,
    Terms,
)


class Undefined(Exception):
    """The metric has no value on these rows: only one class, or no positive prediction."""


@dataclass(frozen=True)
class Solution:
    """A metric's value on one slice, and its derivatives.

    gradient: as the sums, (bins, terms); constant: the derivative to the sum of weights.
    slack: bound on what the value may be off because scores were put into bins (0: exact).
    step: how far the value moves when one row of weight 1 is answered the other way (infinite: no
    bound is known; 0: all is seen). It keeps the interval from closing where all rows agree, and
    for a metric that has counted right answers (counted) from being too short where nearly all do.
    bias: by how much the value is too large on average, for the middle of the interval.
    """

    value: float
    gradient: Floats
    constant: float = 0.0
    slack: float = 0.0
    step: float = 0.0
    bias: float = 0.0
    counted: bool = False


@dataclass(frozen=True)
class Metric:
    """higher_is_better decides the sign of harm. within: the values that it can have."""

    statistic: Statistic
    solve: Callable[[Bins], Solution]
    higher_is_better: bool
    within: tuple[float, float] = (0.0, 1.0)

    @property
    def sign(self) -> float:
        """Factor that turns a difference of values into harm."""
        return -1.0 if self.higher_is_better else 1.0

    @property
    def harm_within(self) -> tuple[float, float]:
        """What a difference of two values can be."""
        width = self.within[1] - self.within[0]
        return -width, width


def _mean(sums: Bins) -> Solution:
    value = float(sums.values[0, 0]) / sums.weight
    return Solution(value, np.array([[1 / sums.weight]]), -value / sums.weight, step=math.inf)


def _mean_of_probabilities(sums: Bins) -> Solution:
    """A mean in which a wrong answer costs about 1: a nat, or the square of a probability."""
    return replace(_mean(sums), step=1 / sums.weight, counted=True)


def _root_mean(sums: Bins) -> Solution:
    squared = _mean(sums)
    value = float(np.sqrt(squared.value))
    scale = 1 / (2 * value) if value else 0.0
    return Solution(value, squared.gradient * scale, squared.constant * scale, step=math.inf)


def _size_of_mean(sums: Bins) -> Solution:
    error = _mean(sums)
    sign = 1.0 if error.value >= 0 else -1.0
    return Solution(abs(error.value), sign * error.gradient, sign * error.constant, step=math.inf)


def _r2(sums: Bins) -> Solution:
    """1 - residual sum of squares / total sum of squares around the mean of these rows.

    Labels that differ by no more than the rounding of their mean are constant.
    """
    residual, label, squared = sums.values[0]
    total = float(squared - label**2 / sums.weight)
    if total <= sums.weight * (1e-13 * sums.centre) ** 2:
        raise Undefined("the label is constant")
    left = float(residual) / total
    moved = [-1 / total, left / total * (-2 * label / sums.weight), left / total]
    constant = left / total * float(label / sums.weight) ** 2
    return Solution(1 - left, np.array([moved]), constant, step=math.inf)


def _confusion(solve: Callable[[Floats], tuple[float, Floats]]) -> Callable[[Bins], Solution]:
    """Lift a function of the confusion matrix [label, answer] to the sums of its cells."""

    def lifted(sums: Bins) -> Solution:
        side = int(np.sqrt(sums.values.shape[0]))
        cells = sums.values.reshape(side, side)
        value, gradient = solve(cells)
        reach = np.ptp(gradient, axis=1)[cells.sum(axis=1) > 0]
        return Solution(value, gradient.reshape(-1, 1), step=float(reach.max()), counted=True)

    return lifted


def _accuracy(cells: Floats) -> tuple[float, Floats]:
    total = float(cells.sum())
    value = float(np.trace(cells)) / total
    return value, (np.eye(len(cells)) - value) / total


def _recalls(cells: Floats) -> tuple[Floats, Floats]:
    """Recall of each class, NaN without rows; and its derivatives (class, label, answer)."""
    rows = cells.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.diag(cells) / rows
        each = np.arange(len(cells))
        gradients = np.zeros((len(cells), *cells.shape))
        gradients[each, each, :] = (-values / rows)[:, None]
        gradients[each, each, each] += 1 / rows
    return values, gradients


def _balanced_accuracy(cells: Floats) -> tuple[float, Floats]:
    """Mean over the classes of the share of their rows that were answered right."""
    values, gradients = _recalls(cells)
    held = ~np.isnan(values)
    return float(values[held].mean()), gradients[held].mean(axis=0)


def recall_of(number: int) -> Callable[[Bins], Solution]:
    """Recall of one class, by its number."""

    def solve(cells: Floats) -> tuple[float, Floats]:
        values, gradients = _recalls(cells)
        if np.isnan(values[number]):
            raise Undefined("no row has this class as its label")
        return float(values[number]), gradients[number]

    return _confusion(solve)


def _precision(cells: Floats) -> tuple[float, Floats]:
    """0 for a model that finds none of the positives there are, as in scikit-learn."""
    (_, false_positive), (missed, found) = cells
    answered = float(found + false_positive)
    if answered == 0:
        if missed == 0:
            raise Undefined("there is no positive label and no positive answer")
        return 0.0, np.zeros((2, 2))
    value = float(found) / answered
    return value, np.array([[0, -value], [0, 1 - value]]) / answered


def _f1_scores(cells: Floats) -> tuple[Floats, Floats]:
    """F1 of each class, NaN where it is in neither; and its derivatives (class, label, answer)."""
    both = cells.sum(axis=1) + cells.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = 2 * np.diag(cells) / both
        each = np.arange(len(cells))
        gradients = np.zeros((len(cells), *cells.shape))
        gradients[each, each, :] -= (values / both)[:, None]
        gradients[each, :, each] -= (values / both)[:, None]
        gradients[each, each, each] += 2 / both
    return values, gradients


def _f1(cells: Floats) -> tuple[float, Floats]:
    values, gradients = _f1_scores(cells)
    if np.isnan(values[1]):
        raise Undefined("there is no positive label and no positive answer")
    return float(values[1]), gradients[1]


def _macro_f1(cells: Floats) -> tuple[float, Floats]:
    """Mean of each class's F1, over the classes that stand in either column."""
    values, gradients = _f1_scores(cells)
    held = ~np.isnan(values)
    return float(values[held].mean()), gradients[held].mean(axis=0)


def _weighted_f1(cells: Floats) -> tuple[float, Floats]:
    """Mean of each class's F1, weighed by the rows that have it as their label."""
    values, gradients = _f1_scores(cells)
    held = ~np.isnan(values)
    total = float(cells.sum())
    shares = cells.sum(axis=1) / total
    value = float((shares[held] * values[held]).sum())
    gradient = np.tensordot(shares[held], gradients[held], axes=1)
    gradient += (np.where(held, values, 0.0)[:, None] - value) / total
    return value, gradient


def _calibration_error(sums: Bins) -> Solution:
    """Mean over rows of |observed rate - mean score| of their bin (Guo et al. 2017).

    The derivative has the sign of each bin's gap. Where that sign is in doubt the value is too
    large on average, as |x| is for a normal x; the interval is put around the value less that bias.
    """
    gaps, squares = sums.values.T
    # Of the gaps; the sums of squares have each row's weight once, the variance has it squared.
    errors = np.sqrt(np.maximum(squares * sums.weight / sums.rows, np.finfo(float).tiny))
    slope = np.sign(gaps) / sums.weight
    value = float(np.abs(gaps).sum()) / sums.weight
    bias = float((errors * _folded_mean(np.abs(gaps) / errors) - np.abs(gaps)).sum()) / sums.weight
    gradient = np.column_stack((slope, np.zeros_like(slope)))
    return Solution(
        value, gradient, -value / sums.weight, step=1 / sums.weight, bias=bias, counted=True
    )


def _folded_mean(mean: Floats) -> Floats:
    """Mean of |x| for a normal x with this mean, 0 or more, and variance 1."""
    inside = np.array([math.erf(m / math.sqrt(2)) for m in mean])
    size: Floats = math.sqrt(2 / math.pi) * np.exp(-(mean**2) / 2) + mean * inside
    return size


def _roc_auc(sums: Bins) -> Solution:
    """Probability that a positive row scores above a negative one, ties counted half.

    The derivatives are the placement values of DeLong, DeLong and Clarke-Pearson 1988, by the
    cumulated sums of Sun and Xu 2014.
    """
    negative, positive = sums.values.T
    total_negative, total_positive = _both_classes(sums)
    below = np.cumsum(negative) - negative / 2
    above = total_positive - np.cumsum(positive) + positive / 2
    pairs = total_negative * total_positive
    value = float((positive * below).sum()) / pairs
    gradient = np.column_stack(
        (above / pairs - value / total_negative, below / pairs - value / total_positive)
    )
    # A pair inside a bin counts half: at worst, all of them should have counted whole, or not.
    slack = float((positive * negative).sum()) / (2 * pairs) if sums.coarse else 0.0
    return Solution(value, gradient, slack=slack, step=_step_at_the_end(value, sums))


def _pr_auc(sums: Bins, prior_rows: float = 2.0) -> Solution:
    """Average precision: the sum of precision over the steps in recall, ties in one step.

    AP = mean over positives i of TP(s_i) / P(s_i), where TP and P are the weights of positives and
    of all rows that score at least s_i. A row has its own term, and its part in the TP and P of
    every positive that scores no higher.
    prior_rows: in the derivatives, not in the value, each precision is taken as if prior_rows times
    (1 - AP) more rows, of average precision, stood above. The precision among the first rows of a
    poor ranking is mostly chance, and without them the spread is overstated where positives are
    rare: the 95 % interval of the harm then covers 99 %. With 0 they are the value's derivatives.
    """
    _, total_positive = _both_classes(sums)
    negative, positive = sums.values[::-1].T  # highest score first
    true_positive = np.cumsum(positive)
    answered = np.cumsum(positive + negative)
    precision = true_positive / answered
    value = float((positive * precision).sum()) / total_positive
    prior = prior_rows * (1 - value) * sums.weight / sums.rows
    steady = (true_positive + prior * value) / (answered + prior)
    # Lowest score first, from here on.
    adds_positive = np.cumsum((positive / (answered + prior))[::-1])
    adds_answered = np.cumsum((positive * steady / (answered + prior))[::-1])
    gradient = np.column_stack(
        (-adds_answered, steady[::-1] + adds_positive - adds_answered - value)
    )
    drift = float((gradient * sums.values).sum()) / sums.weight
    gradient -= drift
    slack = 0.0
    if sums.coarse:
        before = answered - positive - negative
        best = true_positive / np.maximum(before + positive, np.finfo(float).tiny)
        worst = (true_positive - positive) / np.maximum(before + negative, np.finfo(float).tiny)
        off = np.maximum(np.minimum(best, 1) - precision, precision - np.minimum(worst, precision))
        slack = float((positive * off).sum()) / total_positive
    return Solution(
        value, gradient / total_positive, slack=slack, step=_step_at_the_end(value, sums)
    )


def _both_classes(sums: Bins) -> tuple[float, float]:
    negative, positive = (float(total) for total in sums.values.sum(axis=0))
    if negative == 0 or positive == 0:
        raise Undefined("only one class is present")
    return negative, positive


def _step_at_the_end(value: float, sums: Bins) -> float:
    """A perfect ranking has no variance to be seen; the rarer class says how little it proves."""
    perfect = abs(value - 0.5) >= 0.5 - 1e-12
    return 1 / float(sums.values.sum(axis=0).min()) if perfect else 0.0


def _median_error(sums: Bins) -> Solution:
    """Median of the absolute errors; between two of them, their mean, as in scikit-learn.

    The derivative is that of a quantile, (1/2 - [error <= median]) / density (Bahadur 1966). The
    density there is a difference quotient over the bandwidth of Hall and Sheather 1988.
    """
    assert sums.points is not None  # noqa: S101 - the statistic's bins are values
    errors, weights = sums.points, sums.values[:, 0]
    reached = np.cumsum(weights)
    half = sums.weight / 2
    value = _inverse(errors, reached, half)
    rows = max(sums.rows, 2)
    spread = np.clip(0.973 * rows ** (-1 / 3), 1 / rows, 0.45)
    low, high = (_inverse(errors, reached, sums.weight * (0.5 + d)) for d in (-spread, spread))
    width = (high - low) / (2 * spread)  # 1 / density
    below = (errors < value) + 0.5 * (errors == value)
    gradient = (0.5 - below) * width / sums.weight
    # Rows on the median itself must leave the sum of all influence at zero.
    drift = float((gradient * weights).sum()) / sums.weight
    slack = value * sums.relative_width if sums.coarse else 0.0
    return Solution(value, (gradient - drift)[:, None], slack=slack, step=math.inf)


def _inverse(points: Floats, reached: Floats, target: float) -> float:
    """The point at which `reached` passes `target`; between two points, their mean."""
    at = min(int(np.searchsorted(reached, target * (1 - 1e-12))), len(points) - 1)
    after = min(at + 1, len(points) - 1)
    if abs(reached[at] - target) <= 1e-12 * target:
        return float(points[at] + points[after]) / 2
    return float(points[at])


def _term(name: str) -> Terms:
    return Terms((name,))


_UNBOUNDED = (0.0, math.inf)
METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(CONFUSION, _confusion(_accuracy), True),
    "balanced-accuracy": Metric(CONFUSION, _confusion(_balanced_accuracy), True),
    "precision": Metric(CONFUSION, _confusion(_precision), True),
    "recall": Metric(CONFUSION, recall_of(1), True),
    "f1": Metric(CONFUSION, _confusion(_f1), True),
    "macro-f1": Metric(CONFUSION, _confusion(_macro_f1), True),
    "weighted-f1": Metric(CONFUSION, _confusion(_weighted_f1), True),
    "recall-per-class": Metric(CONFUSION, recall_of(0), True),  # one for each class: see expand
    "roc-auc": Metric(SCORES, _roc_auc, True),
    "pr-auc": Metric(SCORES, _pr_auc, True),
    "log-loss": Metric(_term("log-loss"), _mean_of_probabilities, False, _UNBOUNDED),
    "brier-score": Metric(_term("squared-error"), _mean_of_probabilities, False, _UNBOUNDED),
    "expected-calibration-error": Metric(CALIBRATION, _calibration_error, False),
    "mae": Metric(_term("absolute-error"), _mean, False, _UNBOUNDED),
    "rmse": Metric(_term("squared-error"), _root_mean, False, _UNBOUNDED),
    "median-absolute-error": Metric(ABSOLUTE_ERRORS, _median_error, False, _UNBOUNDED),
    "r2": Metric(Terms(("squared-error", "label", "label-squared")), _r2, True, (-math.inf, 1.0)),
    "mape": Metric(_term("relative-error"), _mean, False, _UNBOUNDED),
    "pinball-loss": Metric(_term("pinball-loss"), _mean, False, _UNBOUNDED),
    "bias": Metric(_term("error"), _size_of_mean, False, _UNBOUNDED),
}


def for_class(number: int) -> Metric:
    """The recall of one class."""
    return Metric(CONFUSION, recall_of(number), True)
