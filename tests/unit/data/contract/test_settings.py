"""The keys of a dataset's config, before and after."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.config import Dataset
from tidegate.data.contract.findings import OPPOSITE
from tidegate.data.contract.settings import compare_settings


def dataset(**keys: Any) -> Dataset:
    return Dataset.model_validate({"path": "data", "schema": "s.py:S", **keys})


def told(before: Dataset, after: Dataset) -> list[tuple[Any, ...]]:
    return [
        (change.what, change.before, change.after, change.effect)
        for change in compare_settings(before, after)
    ]


FRESH = {"column": "at", "max-age": "36h"}
CARRIER = {"columns": "carrier", "dataset": "airlines", "keys": "code"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"path": "other"}, ("path", "data", "other", "changed")),
        ({"max-failing-rows": 0}, {"max-failing-rows": 5},
         ("max-failing-rows", "0", "5", "looser")),
        ({"max-failing-rows": "1%"}, {"max-failing-rows": "0.5%"},
         ("max-failing-rows", "1%", "0.5%", "tighter")),
        ({"max-failing-rows": 0}, {"max-failing-rows": "1%"},
         ("max-failing-rows", "0", "1%", "looser")),
        ({"max-failing-rows": 5}, {"max-failing-rows": "1%"},
         ("max-failing-rows", "5", "1%", "changed")),
        ({"redact": ["a", "b"]}, {"redact": ["a"]}, ("redact", "a, b", "a", "changed")),
        ({}, {"rows": {"min": 5}}, ("rows.min", None, "5", "tighter")),
        ({"rows": {"min": 5, "max": 9}}, {"rows": {"min": 5, "max": 10}},
         ("rows.max", "9", "10", "looser")),
        ({"rows": {"min": 1, "max-change": "10%"}}, {"rows": {"min": 1}},
         ("rows.max-change", "10%", None, "looser")),
        ({}, {"freshness": FRESH}, ("freshness", None, "column: at, max-age: 36h", "tighter")),
        ({"freshness": FRESH}, {"freshness": {**FRESH, "max-age": "2d"}},
         ("freshness.max-age", "36h", "2d", "looser")),
        ({"freshness": FRESH}, {"freshness": {**FRESH, "max-age": "2160m"}},
         ("freshness.max-age", "36h", "2160m", "changed")),
        ({"foreign-keys": [CARRIER]}, {},
         ("foreign-keys", "columns: carrier, dataset: airlines, keys: code", None, "looser")),
        ({"categories": {"columns": ["a"]}}, {"categories": {"columns": ["a", "b"]}},
         ("categories.columns", "a", "a, b", "tighter")),
        ({"categories": {"columns": ["a"]}}, {"categories": {"columns": ["a"], "new": "fail"}},
         ("categories.new", "warn", "fail", "tighter")),
        ({}, {"drift": {"mode": "off"}}, ("drift.mode", "warn", "off", "looser")),
        ({}, {"drift": {"max-psi": 0.5}}, ("drift.max-psi", "0.2", "0.5", "looser")),
        ({}, {"drift": {"classifier": True}}, ("drift.classifier", "off", "on", "changed")),
        ({}, {"drift": {}}, None),
    ],
)  # fmt: skip
def test_compare_settings__each_key(
    before: dict[str, Any], after: dict[str, Any], expected: tuple[Any, ...] | None
) -> None:
    wanted = [] if expected is None else [expected]
    assert told(dataset(**before), dataset(**after)) == wanted


modes = st.sampled_from(["warn", "fail"])
datasets = st.fixed_dictionaries(
    {},
    optional={
        "max-failing-rows": st.integers(0, 3) | st.sampled_from(["0%", "1%", "2%"]),
        "rows": st.fixed_dictionaries({"min": st.integers(0, 2)}, optional={"max": st.just(9)}),
        "freshness": st.fixed_dictionaries({
            "column": st.sampled_from("ab"), "max-age": st.sampled_from(["60m", "1h", "1d"]),
        }),
        "categories": st.fixed_dictionaries({
            "columns": st.lists(st.sampled_from("abc"), min_size=1, unique=True),
            "new": modes, "vanished": modes,
        }),
        "foreign-keys": st.lists(st.sampled_from([CARRIER, {**CARRIER, "keys": "id"}]), max_size=2),
        "key": st.sampled_from(["a", ["a", "b"]]),
        "drift": st.fixed_dictionaries({"mode": modes}),
    },
).map(lambda keys: dataset(**keys))  # fmt: skip


@given(before=datasets, after=datasets)
def test_compare_settings__swapped_is_the_opposite(before: Dataset, after: Dataset) -> None:
    assert told(before, before) == []
    forth = Counter(told(before, after))
    assert forth == Counter(
        (what, old, new, OPPOSITE[effect]) for what, new, old, effect in told(after, before)
    )
