"""A metric of the user's own, by reference; its interval by resampling."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tidegate import references
from tidegate.config import Bound, Config
from tidegate.errors import DataError
from tidegate.gate.statistics.comparison import MIN_CLUSTERS, Estimate
from tidegate.gate.statistics.metrics import Undefined
from tidegate.gate.statistics.sums import Floats, Ints

REPLICATES = 400
# A metric that has no value on so many of the resamples has no interval either.
_MAX_FAILURES = 0.1


@dataclass(frozen=True)
class OwnMetric:
    """A function of (label, output), or (label, output, weight) where there are weights."""

    name: str
    function: Callable[..., float]
    where: str
    higher_is_better: bool

    @classmethod
    def load(cls, name: str, bound: Bound, config: Config, where: str) -> OwnMetric:
        """Raises ConfigError when the reference names nothing, or nothing that can be called."""
        assert bound.function is not None  # noqa: S101 - the caller has looked
        function = references.load(bound.function, config.code, where=where)
        if not callable(function):
            raise DataError(
                f"{bound.function} is no function",
                where=where,
                remedy="name a function of (label, output) that gives a number",
            )
        return cls(name, function, where, bool(bound.higher_is_better))

    def estimates(
        self,
        label: Floats,
        outputs: list[Floats],
        weight: Floats | None,
        cluster: Ints | None,
    ) -> tuple[float, float | None, Estimate, Estimate | None]:
        """(candidate, baseline, own estimate, harm); baseline and harm None without a baseline.

        The variance is that over resamples of whole clusters, drawn with replacement (Efron 1979;
        for clusters Davison and Hinkley 1997, section 3.8), the same draws for both models. The
        draws are seeded: the same rows in the same order give the same interval.
        """
        for array in (label, *outputs, weight):
            if array is not None:
                array.flags.writeable = False  # a function that sorts in place would spoil the next
        values = [self._value(label, output, weight) for output in outputs]
        if not all(np.isfinite(values)):
            raise Undefined("the function gives no finite number")
        order = None if cluster is None else np.argsort(cluster, kind="stable")
        starts = None
        if cluster is not None and order is not None:
            starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
        groups = label.size if starts is None else starts.size
        if groups < MIN_CLUSTERS:
            spread = np.full(2, np.inf)
        else:
            spread = self._spread(label, outputs, weight, order, starts)
        sign = -1.0 if self.higher_is_better else 1.0
        # The same on every resample: nothing is seen of how it might differ.
        own = Estimate(values[0], float(spread[0]), 0.0, groups, step=math.inf, rows=label.size)
        if len(values) == 1:
            return values[0], None, own, None
        harm = Estimate(
            sign * (values[0] - values[1]),
            float(spread[1]),
            0.0,
            groups,
            step=0.0 if np.array_equal(outputs[0], outputs[1]) else math.inf,
            rows=label.size,
        )
        return values[0], values[1], own, harm

    def _spread(
        self,
        label: Floats,
        outputs: list[Floats],
        weight: Floats | None,
        order: Ints | None,
        starts: Ints | None,
    ) -> Floats:
        """Variance of the candidate's value, and of the difference between the models."""
        draws = np.random.default_rng(0)
        sizes = None if starts is None else np.diff(np.append(starts, label.size))
        seen, failures = [], 0
        for _ in range(REPLICATES):
            if starts is None or sizes is None or order is None:
                rows = draws.integers(0, label.size, label.size)
            else:
                drawn = draws.integers(0, starts.size, starts.size)
                lengths = sizes[drawn]
                ends = np.cumsum(lengths)
                offsets = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
                rows = order[np.repeat(starts[drawn], lengths) + offsets]
            part = None if weight is None else weight[rows]
            try:
                values = [self._value(label[rows], output[rows], part) for output in outputs]
            except DataError:
                values = [np.nan]
            if all(np.isfinite(values)):
                seen.append((values[0], values[0] - values[-1]))
            else:
                failures += 1
        if failures > _MAX_FAILURES * REPLICATES:
            raise Undefined(f"the function gives no number on {failures} of {REPLICATES} resamples")
        spread: Floats = np.var(np.array(seen), axis=0, ddof=1)
        return spread

    def _value(self, label: Floats, output: Floats, weight: Floats | None) -> float:
        arguments = (label, output) if weight is None else (label, output, weight)
        try:
            return float(self.function(*arguments))
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[1:]
            trail = "".join(f"\n  {f.filename}:{f.lineno}: {f.line}" for f in frames[-3:])
            raise DataError(
                f"{self.name} failed: {type(error).__name__}: {error}{trail}",
                where=self.where,
                remedy="it is called with the arrays (label, output), and weight where "
                "evaluation.weight is set, and has to give one number",
            ) from None
