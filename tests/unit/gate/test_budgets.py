from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidegate.errors import DataError
from tidegate.gate.budgets import folder_megabytes, judge_budgets, read_measurements
from tidegate.verdict import Verdict


def test_judge_budgets__figure_above_its_budget_fails_and_an_equal_one_passes() -> None:
    results = judge_budgets(
        {"latency-p95-ms": 50, "train-minutes": 20}, {"latency-p95-ms": 50.1, "train-minutes": 20}
    )
    assert {result.name: result.verdict for result in results} == {
        "latency-p95-ms": Verdict.FAIL,
        "train-minutes": Verdict.PASS,
    }


def test_judge_budgets__what_has_not_been_measured_is_left_to_where_it_is() -> None:
    assert judge_budgets({"image-size-mb": 900}, {"train-minutes": 2}) == []


def test_read_measurements__numbers_by_name(tmp_path: Path) -> None:
    (tmp_path / "measured.json").write_text('{"train-minutes": 2, "memory-mb": 31.5}')
    assert read_measurements(tmp_path / "measured.json") == {
        "train-minutes": 2.0,
        "memory-mb": 31.5,
    }


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        '{"train-minutes": "2"}',
        '{"train-minutes": null}',
        '{"train-minutes": true}',
        '{"train-minutes": NaN}',
        '{"train-minutes": Infinity}',
    ],
)
def test_read_measurements__anything_but_finite_numbers_is_an_error(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "measured.json").write_text(content)
    with pytest.raises(DataError, match="measurements"):
        read_measurements(tmp_path / "measured.json")


def test_read_measurements__missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_measurements(tmp_path / "measured.json")


def test_folder_megabytes__counts_every_file_below(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights.bin").write_bytes(bytes(1_500_000))
    (tmp_path / "MLmodel").write_text(json.dumps({}))
    assert folder_megabytes(tmp_path) == pytest.approx(1.500002)
