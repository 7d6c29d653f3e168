"""Metrics with their influence values, from which every interval of the gate is made.

A metric takes `label` and `output`, one value a row, and gives `Estimate(value, influence)`:
`influence` has one value a row, with mean zero, and says by how much the value moves with that row
(the infinitesimal jackknife: Jaeckel 1972; Efron 1982, "The Jackknife, the Bootstrap and Other
Resampling Plans", ch. 6). To first order the value is a mean of independent terms, so that sums of
influence over clusters give its variance, and differences of influence between two models on the
same rows give that of their difference, correlation included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CALIBRATION_BINS = 15
_TINY = np.finfo(np.float64).eps


class Undefined(Exception):
    """The metric has no value on these rows: only one class, or no positive prediction."""


@dataclass(frozen=True)
class Estimate:
    """A metric's value and the influence of each row on it."""

    value: float
    influence: Floats


@dataclass(frozen=True)
class Metric:
    """higher_is_better decides the sign of harm. threshold: takes classes, not probabilities."""

    compute: Callable[[Floats, Floats], Estimate]
    higher_is_better: bool
    threshold: bool = False

    def harm(self, candidate: Estimate, baseline: Estimate) -> Estimate:
        """How much worse the candidate is, positive is worse, on the same rows."""
        sign = -1.0 if self.higher_is_better else 1.0
        return Estimate(
            sign * (candidate.value - baseline.value),
            sign * (candidate.influence - baseline.influence),
        )


def mean(values: Floats) -> Estimate:
    value = float(values.mean())
    return Estimate(value, values - value)


def ratio(numerator: Floats, denominator: Floats) -> Estimate:
    """sum(numerator) / sum(denominator), by the delta method."""
    scale = float(denominator.mean())
    if scale == 0:
        raise Undefined("there is nothing to divide by")
    value = float(numerator.mean()) / scale
    return Estimate(value, (numerator - value * denominator) / scale)


def average(estimates: list[Estimate]) -> Estimate:
    return Estimate(
        float(np.mean([estimate.value for estimate in estimates])),
        np.mean([estimate.influence for estimate in estimates], axis=0),
    )


def accuracy(label: Floats, output: Floats) -> Estimate:
    return mean((label == output).astype(np.float64))


def balanced_accuracy(label: Floats, output: Floats) -> Estimate:
    """Mean over the classes of the share of their rows that were predicted right."""
    return average(
        [
            ratio(
                ((output == c) & (label == c)).astype(np.float64), (label == c).astype(np.float64)
            )
            for c in np.unique(label)
        ]
    )


def precision(label: Floats, output: Floats) -> Estimate:
    """0 for a model that finds none of the positives there are, as in scikit-learn."""
    if label.any() and not output.any():
        return Estimate(0.0, np.zeros(label.size))
    return ratio(label * output, output)


def recall(label: Floats, output: Floats) -> Estimate:
    return ratio(label * output, label)


def f1(label: Floats, output: Floats) -> Estimate:
    return ratio(2 * label * output, label + output)


def macro_f1(label: Floats, output: Floats) -> Estimate:
    """Mean of each class's F1, over the classes that stand in either column."""
    return average(
        [
            f1((label == c).astype(np.float64), (output == c).astype(np.float64))
            for c in np.union1d(label, output)
        ]
    )


def roc_auc(label: Floats, output: Floats) -> Estimate:
    """Probability that a positive row scores above a negative one, ties counted half.

    Influence from placement values: DeLong, DeLong and Clarke-Pearson 1988; by midranks after Sun
    and Xu 2014, in O(n log n).
    """
    positive = label == 1
    count, n = int(positive.sum()), label.size
    if count in (0, n):
        raise Undefined("only one class is present")
    ranks = _midranks(output)
    placement = np.empty(n)
    placement[positive] = (ranks[positive] - _midranks(output[positive])) / (n - count)
    placement[~positive] = 1 - (ranks[~positive] - _midranks(output[~positive])) / count
    value = float(placement[positive].mean())
    share = count / n
    weight = np.where(positive, 1 / share, 1 / (1 - share))
    return Estimate(value, weight * (placement - value))


def pr_auc(label: Floats, output: Floats) -> Estimate:
    """Average precision: the sum of precision over the steps in recall, ties in one step.

    AP = mean over positives i of TP(s_i) / P(s_i), where TP and P are the shares of positives and
    of all rows that score at least s_i. The influence is the derivative of that functional: each
    row's own term, and its part in the TP and P of every positive that scores no higher.
    """
    n = label.size
    total = float(label.sum())
    if total in (0, n):
        raise Undefined("only one class is present")
    scores, group = np.unique(-output, return_inverse=True)  # groups of ties, highest score first
    positives = np.bincount(group, weights=label, minlength=scores.size)
    true_positive = np.cumsum(positives)
    predicted = np.cumsum(np.bincount(group, minlength=scores.size))
    value = float((positives * true_positive / predicted).sum() / total)
    # Sums over this group and the lower ones: what a row adds to TP (if positive) and to P.
    adds_positive = np.cumsum((positives / predicted)[::-1])[::-1]
    adds_predicted = np.cumsum((positives * true_positive / predicted**2)[::-1])[::-1]
    own = label * (true_positive / predicted)[group]
    moved = own + label * adds_positive[group] - adds_predicted[group] - label * value
    return Estimate(value, (moved - moved.mean()) / (total / n))


def log_loss(label: Floats, output: Floats) -> Estimate:
    """Probabilities are clipped to [eps, 1 - eps] of float64, as scikit-learn does."""
    clipped = np.clip(output, _TINY, 1 - _TINY)
    return mean(-np.where(label == 1, np.log(clipped), np.log1p(-clipped)))


def brier_score(label: Floats, output: Floats) -> Estimate:
    return mean((output - label) ** 2)


def expected_calibration_error(label: Floats, output: Floats) -> Estimate:
    """Mean over rows of |observed rate - mean score| of their bin, in 15 bins of equal width.

    Guo et al. 2017. The value is biased upwards where bins hold few rows; the influence takes the
    sign of each bin's gap as given.
    """
    bins = np.minimum((output * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=label - output, minlength=CALIBRATION_BINS)
    return Estimate(
        float(np.abs(gaps).sum() / label.size),
        _centred(np.sign(gaps)[bins] * (label - output)),
    )


def mae(label: Floats, output: Floats) -> Estimate:
    return mean(np.abs(output - label))


def rmse(label: Floats, output: Floats) -> Estimate:
    squared = mean((output - label) ** 2)
    value = float(np.sqrt(squared.value))
    return Estimate(value, squared.influence / (2 * value) if value else squared.influence)


def r2(label: Floats, output: Floats) -> Estimate:
    """1 - residual sum of squares / total sum of squares around the mean of these rows."""
    total = (label - label.mean()) ** 2
    if not total.any():
        raise Undefined("the label is constant")
    unexplained = ratio((output - label) ** 2, total)
    return Estimate(1 - unexplained.value, -unexplained.influence)


def bias(label: Floats, output: Floats) -> Estimate:
    """Size of the mean error."""
    error = mean(output - label)
    sign = 1.0 if error.value >= 0 else -1.0
    return Estimate(abs(error.value), sign * error.influence)


METRICS: Mapping[str, Metric] = {
    "accuracy": Metric(accuracy, True, threshold=True),
    "balanced-accuracy": Metric(balanced_accuracy, True, threshold=True),
    "precision": Metric(precision, True, threshold=True),
    "recall": Metric(recall, True, threshold=True),
    "f1": Metric(f1, True, threshold=True),
    "macro-f1": Metric(macro_f1, True, threshold=True),
    "roc-auc": Metric(roc_auc, True),
    "pr-auc": Metric(pr_auc, True),
    "log-loss": Metric(log_loss, False),
    "brier-score": Metric(brier_score, False),
    "expected-calibration-error": Metric(expected_calibration_error, False),
    "mae": Metric(mae, False),
    "rmse": Metric(rmse, False),
    "r2": Metric(r2, True),
    "bias": Metric(bias, False),
}


def _centred(values: Floats) -> Floats:
    centred: Floats = values - values.mean()
    return centred


def _midranks(values: Floats) -> Floats:
    """Ranks from 1; ties share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(counts) - (counts - 1) / 2
    return middle[group]
