"""Every key of the config is classified, and the bar is made of the keys as they are classified."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tidegate.config import Config
from tidegate.policy.bar import _merged
from tidegate.policy.keys import KEYS, Part, part_of

SCHEMA = Config.model_json_schema(by_alias=True)


def keys(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key that a config may have, with `*` for names that the user makes up."""
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    for option in schema.get("anyOf", ()):
        yield from keys(option, prefix)
    for name, inner in schema.get("properties", {}).items():
        yield f"{prefix}{name}"
        yield from keys(inner, f"{prefix}{name}.")
    if isinstance(inner := schema.get("additionalProperties"), dict):
        yield from keys(inner, f"{prefix}*.")


ALL = sorted(set(keys(SCHEMA)))


def test_keys__the_schema_is_walked_down_to_its_ends() -> None:
    assert {"gate.metrics.*.min", "data.*.drift.max-psi", "gate.budgets.*.max-increase",
            "environments.*.deploy.kind", "override-label"} <= set(ALL)  # fmt: skip


@pytest.mark.parametrize("key", [key for key in ALL if key not in ("data", "evaluation")])
def test_keys__each_one_of_the_config_is_classified(key: str) -> None:
    assert part_of(key) is not None, f"{key}: say in policy/keys.py what it is to a verdict"


def test_keys__none_is_classified_that_the_config_does_not_have() -> None:
    assert set(KEYS) <= set(ALL)


# What the base has, and a pull request that changes all of it.
BASE: Mapping[str, Any] = {
    "service": "shop", "model": "shop", "model-path": "models/a", "task": "binary",
    "override-label": "let-through",
    "data": {"orders": {
        "path": "a.csv", "schema": "a.py:A", "max-failing-rows": 1, "redact": ["name"],
        "reference": "ra.csv", "key": ["id"], "rows": {"min": 5},
        "freshness": {"column": "day", "max-age": "7d"},
        "foreign-keys": [{"columns": "shop", "dataset": "shops"}],
        "categories": {"columns": "shop"}, "drift": {"max-psi": 0.1},
    }},
    "evaluation": {
        "predictions": "a.parquet", "inputs": "ia.parquet", "measurements": "ma.json",
        "key": ["id"], "label": "bought", "positive-label": "yes", "score": "score",
        "threshold": 0.4, "quantile": 0.4, "weight": "w", "cluster": "day", "slices": ["shop"],
        "max-unpaired-rows": 1,
    },
    "gate": {"metrics": {"roc-auc": {"min": 0.7}}},
    "registry": {"tracking-uri": "https://mlflow.example", "champion-alias": "champion"},
    "image": {"repository": "shop"},
    "serving": {"port": 8080},
    "environments": {},
}  # fmt: skip
OWN: Mapping[str, Any] = {
    "service": "store", "model": "store", "model-path": "models/b", "task": "regression",
    "override-label": "anything",
    "data": {"orders": {
        "path": "b.csv", "schema": "b.py:B", "max-failing-rows": "50%", "redact": ["street"],
        "reference": "rb.csv", "key": ["no"], "rows": {"max": 9},
        "freshness": {"column": "hour", "max-age": "90d"}, "foreign-keys": [],
        "categories": {"columns": "country"}, "drift": {"mode": "off"},
    }, "new": {"path": "n.csv", "schema": "n.py:N"}},
    "evaluation": {
        "predictions": "b.parquet", "inputs": "ib.parquet", "measurements": "mb.json",
        "key": ["no"], "label": "late", "positive-label": "no", "prediction": "p",
        "threshold": 0.6, "quantile": 0.6, "weight": "v", "cluster": "week", "slices": [],
        "max-unpaired-rows": 9,
    },
    "gate": {"mode": "off", "metrics": {"mae": {"max": 1e9}}},
    "registry": {"tracking-uri": "https://evil.example", "champion-alias": "nobody"},
    "image": {"repository": "store"},
    "serving": {"port": 9090},
    "environments": {"staging": {"deploy": {"kind": "docker", "port": 1}}},
    "watch": {"model-max-age": "90d"},
}  # fmt: skip


def value(config: Config, key: str) -> Any:
    found: Any = config.model_dump(by_alias=True)
    for part in key.replace("*", "orders").split("."):
        found = found[part]
    return found


@pytest.mark.parametrize("key", [key for key in KEYS if key not in ("version", "data.*.redact")])
def test_merged__policy_is_the_bases_and_the_rest_is_of_the_checkout(key: str) -> None:
    base, own = Config.model_validate(BASE), Config.model_validate(OWN)
    judge = _merged(base, own)
    assert key == "evaluation.scores" or value(base, key) != value(own, key)
    of = base if KEYS[key] is Part.POLICY else own
    assert value(judge, key) == value(of, key)


def test_merged__what_either_side_redacts_is_redacted() -> None:
    judge = _merged(Config.model_validate(BASE), Config.model_validate(OWN))
    assert judge.data["orders"].redact == ["name", "street"]


OPTIONAL = ("data.*.reference", "evaluation.inputs", "evaluation.measurements")


@pytest.mark.parametrize("key", OPTIONAL)
def test_merged__place_that_is_taken_away_stays_where_the_base_has_it(key: str) -> None:
    base, own = Config.model_validate(BASE), copy.deepcopy(dict(BASE))
    *sections, last = key.replace("*", "orders").split(".")
    place = own
    for section in sections:
        place = place[section]
    del place[last]
    assert value(_merged(base, Config.model_validate(own)), key) == value(base, key)


def test_merged__section_or_dataset_that_is_taken_away_still_judges() -> None:
    base = Config.model_validate(BASE)
    judge = _merged(base, Config.model_validate({"service": "shop"}))
    assert (judge.gate, judge.evaluation, judge.data) == (base.gate, base.evaluation, base.data)
