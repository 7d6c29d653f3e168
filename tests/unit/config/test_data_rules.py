"""The keys of a dataset's rules beyond its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tidegate import config as configs
from tidegate.config import Config, Dataset
from tidegate.errors import ConfigError

WHOLE = """\
data:
  flights:
    path: data/flights
    schema: schemas.py:Flights
    reference: data/reference
    key: flight_id
    rows:
      min: 1000
      max: 2000000
      max-change: 20%
    freshness:
      column: time_hour
      max-age: 36h
    foreign-keys:
    - columns: [carrier]
      dataset: airlines
    - columns: [origin]
      dataset: airports
      keys: [faa]
    categories:
      columns: carrier
      new: fail
  airlines: {path: data/airlines.csv, schema: schemas.py:Airlines}
  airports: {path: data/airports.csv, schema: schemas.py:Airports}
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Config]:
    def read(text: str) -> Config:
        (tmp_path / "tidegate.yaml").write_text(text)
        return configs.load(tmp_path / "tidegate.yaml")

    return read


def flights(config: Config) -> Dataset:
    return config.data["flights"]


def test_load__every_rule(load: Callable[[str], Config]) -> None:
    dataset = flights(load(WHOLE))
    assert dataset.rows is not None
    assert dataset.rows.tolerated_change == Fraction(1, 5)
    assert dataset.freshness is not None
    assert dataset.freshness.tolerated_age == timedelta(hours=36)
    pairs = [foreign_key.pairs for foreign_key in dataset.foreign_keys]
    assert pairs == [[("carrier", "carrier")], [("origin", "faa")]]
    assert dataset.categories is not None
    assert (dataset.categories.columns, dataset.categories.vanished) == (["carrier"], "warn")


def test_json_schema__accepts_the_rules() -> None:
    jsonschema.validate(yaml.safe_load(WHOLE), Config.model_json_schema(by_alias=True))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("max-change: 20%", "max-change: 20", "max-change", "20 is no share such as 20%"),
        ("max-change: 20%", "max-change: -5%", "max-change", "'-5%' is no share"),
        ("max-change: 20%", "max-change: nan%", "max-change", "'nan%' is no share"),
        ("max: 2000000", "max: 10", "rows:", "no number of rows is at least 1000 and at most 10"),
        ("min: 1000", "min: -1", "min: -1", "greater than or equal to 0"),
        ("max-age: 36h", "max-age: 36", "max-age", "36 is no length of time such as 90m, 36h"),
        ("max-age: 36h", "max-age: 0h", "max-age", "'0h' is no length of time"),
        ("max-age: 36h", "max-age: 36 hours", "max-age", "'36 hours' is no length of time"),
        ("max-age: 36h", "max-age: 99999999999d", "max-age", "is no length of time"),
        ("dataset: airlines", "dataset: airlinse", "airlinse", "did you mean 'airlines'?"),
        ("keys: [faa]", "keys: [faa, icao]", "columns: [origin]", "1 columns cannot be held"),
        ("keys: [faa]", "keyz: [faa]", "keyz", "did you mean 'keys'?"),
        ("columns: [origin]", "columns: []", "columns: []", "name at least one column"),
        ("[carrier]\n      dataset: airlines", "[id]\n      dataset: flights", "dataset: flights",
         "the rule asks nothing"),
        ("columns: carrier", "columns: [a, b, a]", "columns: [a, b, a]", "'a' stands here twice"),
        ("new: fail", "new: off\n      vanished: off", "categories:", "off ask nothing"),
        ("new: fail", "new: nope", "new: nope", "data.flights.categories.new"),
        ("    reference: data/reference\n", "", "max-change",
         "data.flights.rows.max-change compares with a reference, and the dataset has none"),
        ("    reference: data/reference\n    key: flight_id\n    rows:\n      min: 1000\n"
         "      max: 2000000\n      max-change: 20%\n", "", "categories",
         "data.flights.categories compares with a reference"),
        ("      min: 1000\n      max: 2000000\n      max-change: 20%\n", "      {}\n", "rows:",
         "ask nothing"),
    ],
)  # fmt: skip
def test_load__mistake_is_one_clear_message_with_its_line(
    load: Callable[[str], Config], old: str, new: str, line: str, message: str
) -> None:
    text = WHOLE.replace(old, new)
    assert text != WHOLE
    with pytest.raises(ConfigError, match=r"tidegate\.yaml") as caught:
        load(text)
    assert message in str(caught.value)
    assert caught.value.remedy
    number = int(str(caught.value.where).rpartition(":")[2])
    assert line in text.splitlines()[number - 1]


def test_load__rule_that_wants_a_reference_names_the_remedy(load: Callable[[str], Config]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(WHOLE.replace("    reference: data/reference\n", ""))
    assert "data.flights.reference" in str(caught.value.remedy)


@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_load__drift_without_a_reference_would_be_passed_over(
    load: Callable[[str], Config], mode: str
) -> None:
    text = f"data:\n  flights:\n    path: x\n    schema: s.py:F\n    drift: {{mode: {mode}}}\n"
    with pytest.raises(ConfigError, match=r"flights\.drift compares with a reference") as caught:
        load(text)
    assert str(caught.value.where).endswith(":5")
    assert flights(load(text.replace(mode, "off"))).drift.mode == "off"


def test_load__dataset_may_refer_to_itself(load: Callable[[str], Config]) -> None:
    text = WHOLE.replace(
        "[carrier]\n      dataset: airlines", "[parent]\n      dataset: flights\n      keys: id"
    )
    assert flights(load(text)).foreign_keys[0].pairs == [("parent", "id")]


@pytest.mark.parametrize(
    ("age", "expected"),
    [("90m", timedelta(minutes=90)), ("1.5h", timedelta(hours=1.5)), ("7d", timedelta(days=7))],
)
def test_tolerated_age__units(age: str, expected: timedelta) -> None:
    given: dict[str, Any] = {"column": "at", "max-age": age}
    assert configs.Freshness.model_validate(given).tolerated_age == expected


def test_load__off_needs_no_quotes(load: Callable[[str], Config]) -> None:
    text = WHOLE.replace("new: fail", "new: off") + "gate: {mode: off, metrics: {f1: {min: 0.5}}}\n"
    config = load(text)
    categories = flights(config).categories
    assert categories is not None
    assert categories.new == "off"
    assert config.need_gate().mode == "off"


def test_load__misspelt_key_of_a_dataset_suggests_the_nearest(
    load: Callable[[str], Config],
) -> None:
    with pytest.raises(ConfigError, match="did you mean 'freshness'"):
        load(WHOLE.replace("freshness:", "freshnes:"))
    with pytest.raises(ConfigError, match="did you mean 'max-age'"):
        load(WHOLE.replace("max-age:", "maxage:"))
