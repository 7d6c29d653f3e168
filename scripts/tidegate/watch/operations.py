"""How the service does at work: its objectives, the age of its model, what it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from tidegate.config import Config, Objective, Watch, WatchedCost
from tidegate.config.values import length_of
from tidegate.data.sources import find_files
from tidegate.data.sources.reading import read_table
from tidegate.errors import DataError
from tidegate.verdict import Verdict
from tidegate.watch.prometheus import Prometheus, PrometheusError
from tidegate.watch.released import Released
from tidegate.watch.results import Change, Figure, Part

_REQUESTS = 'rate(http_requests_total{job="{service}"}[{window}])'
_FAILED = 'rate(http_requests_total{job="{service}",status=~"5.."}[{window}])'
_SECONDS = 'rate(http_request_duration_seconds_bucket{job="{service}"}[{window}])'
# Where there was no failed request there is no series of one: that is no error, and no data is.
QUERIES: Mapping[str, str] = {
    "errors": f"(sum({_FAILED}) or vector(0)) / sum({_REQUESTS})",
    "latency": f"histogram_quantile(0.95, sum by (le) ({_SECONDS}))",
    "availability": 'avg(avg_over_time(up{job="{service}"}[{window}]))',
}


def watch_objective(
    config: Config,
    watch: Watch,
    name: str,
    objective: Objective,
    prometheus: Prometheus,
    at: datetime,
) -> Part:
    query = _filled(objective.query or QUERIES[name], config, watch)
    value = prometheus.number(query, at)
    if value is None:
        raise _no_data(prometheus, query)
    figure = Figure(name, value, objective.min, objective.max)
    change = _held(figure)
    return Part.of(
        "objectives",
        name,
        f"{change.detail} over {watch.window}",
        [change] if change.verdict is not Verdict.PASS else [],
        figures=(figure,),
    )


def watch_model_age(released: Released, tolerated: timedelta, now: datetime) -> Part:
    version = released.need_version()
    age = max(timedelta(0), now - version.created_at)
    days, limit = (length / timedelta(days=1) for length in (age, tolerated))
    detail = f"version {version.version} is {days:.1f} days old, at most {limit:g} are allowed"
    verdict = Verdict.PASS if age <= tolerated else Verdict.FAIL
    return Part.of(
        "freshness",
        "model",
        detail,
        [Change("model", verdict, detail)] if verdict is Verdict.FAIL else [],
        figures=(Figure("age-days", days, max=limit),),
    )


def watch_cost(
    config: Config, watch: Watch, cost: WatchedCost, prometheus: Prometheus | None, at: datetime
) -> Part:
    if cost.query is not None and prometheus is not None:
        query = _filled(cost.query, config, watch)
        value = prometheus.number(query, at)
        if value is None:
            raise _no_data(prometheus, query)
    else:
        value = _added_up(config, cost)
    figure = Figure("cost", value, max=cost.max)
    change = _held(figure)
    changes = [change] if change.verdict is not Verdict.PASS else []
    return Part.of("cost", "total", change.detail, changes, figures=(figure,))


def _added_up(config: Config, cost: WatchedCost) -> float:
    files = find_files(str(cost.table), config.root, where="watch.cost.table")
    frames = [read_table(file) for file in files]
    for frame, file in zip(frames, files, strict=True):
        kind = frame.schema.get(cost.column)
        if kind is None or not kind.is_numeric():
            raise DataError(
                f"there is no column {cost.column!r}"
                if kind is None
                else f"the column {cost.column!r} holds {kind}, and no numbers",
                where=str(file),
                remedy="name the column with the amounts in watch.cost.column",
            )
    amounts = pl.concat([frame[cost.column].cast(pl.Float64) for frame in frames])
    total = amounts.sum()
    if not amounts.len() or amounts.null_count() or not math.isfinite(total):
        raise DataError(
            "an amount is missing, or there is none at all",
            where=f"{cost.table}, column {cost.column}",
            remedy="write a number in every row",
        )
    return float(total)


def _held(figure: Figure) -> Change:
    low = figure.min is not None and figure.value < figure.min
    high = figure.max is not None and figure.value > figure.max
    bounds = ((figure.min, "at least"), (figure.max, "at most"))
    asked = ", ".join(f"{words} {limit:g}" for limit, words in bounds if limit is not None)
    return Change(
        figure.name,
        Verdict.FAIL if low or high else Verdict.PASS,
        f"{figure.name} is {figure.value:.4g}, {asked} is allowed",
    )


def _filled(query: str, config: Config, watch: Watch) -> str:
    """The window in seconds: Prometheus takes no 1.5h."""
    seconds = max(1, round(length_of(watch.window).total_seconds()))
    return query.replace("{window}", f"{seconds}s").replace("{service}", config.service)


def _no_data(prometheus: Prometheus, query: str) -> PrometheusError:
    return PrometheusError(
        "Prometheus has no data for the query: nothing was measured, or nothing was asked",
        where=f"{prometheus.address}: {query}",
        remedy="see in Prometheus whether the service is scraped; a query of your own may use "
        "other metrics",
    )
