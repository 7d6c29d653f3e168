"""What a running service is held to, against servers that answer as they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from answering import EXAMPLES, Answer, answering, connecting, predictions
from ports import free_port
from tidegate.errors import DeployError
from tidegate.release.serving import Example, read_examples


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (predictions(0.25, 0.5), "pass", "2 rows, greatest difference"),
        (predictions(0.25, 0.5 + 9e-7), "pass", "tolerated 1e-06"),
        (predictions(0.25, 0.5 + 2e-6), "fail", "2e-06"),
        (predictions(0.25, float("nan")), "fail", "greatest difference"),
        (predictions(float("nan"), 0.5), "fail", "greatest difference"),
        (predictions(float("inf"), 0.5), "fail", "inf"),
        (predictions(0.25), "fail", "1 answers to 2 rows"),
        (predictions(), "fail", "0 answers to 2 rows"),
        (predictions(0.25, None), "fail", "no predictions"),
        (predictions(0.25, [0.5]), "fail", "no predictions"),
        (lambda _: (200, {"scores": [0.25, 0.5]}), "fail", "no predictions"),
        (lambda _: (200, [0.25, 0.5]), "fail", "no predictions"),
        (lambda _: (200, None), "fail", "no predictions"),
        (lambda _: (500, {"predictions": [0.25, 0.5]}), "fail", "500"),
    ],
)
def test_check_predictions__must_repeat_the_offline_ones(
    answer: Answer, verdict: str, said: str
) -> None:
    with answering(answer) as service:
        check = service.check_predictions(EXAMPLES)
    assert (str(check.verdict), said in check.detail) == (verdict, True), check


@pytest.mark.parametrize(
    ("answer", "verdict", "said"),
    [
        (predictions({"a": 0.75, "b": 0.25}), "pass", "1 rows, greatest difference"),
        (predictions({"b": 0.25, "a": 0.75}), "pass", "1 rows, greatest difference"),
        (predictions({"a": 0.75, "b": 0.26}), "fail", "0.01"),
        (predictions({"a": 0.25, "b": 0.75}), "fail", "0.5"),
        (predictions({"a": float("nan"), "b": 0.25}), "fail", "nan"),
        (predictions({"a": 0.75}), "fail", "an answer of 1 numbers (a) where 2 numbers (a, b)"),
        (predictions({"a": 0.75, "c": 0.25}), "fail", "(a, c)"),
        (predictions([0.75, 0.25]), "fail", "(0, 1)"),
        (predictions(0.75), "fail", "an answer of one number"),
        (predictions("a"), "fail", "no predictions"),
        (predictions({}), "fail", "no predictions"),
    ],
)
def test_check_predictions__of_several_classes_are_compared_class_by_class(
    answer: Answer, verdict: str, said: str
) -> None:
    with answering(answer) as service:
        check = service.check_predictions([Example({"x": 1.0}, {"a": 0.75, "b": 0.25})])
    assert (str(check.verdict), said in check.detail) == (verdict, True), check


@pytest.mark.parametrize(
    ("health", "verdict"),
    [
        ({"release": "v1-abc1234"}, "pass"),
        ({"release": "v2-abc1234"}, "fail"),
        ({}, "pass"),
        ({"release": None}, "pass"),
        (["ready"], "pass"),
    ],
)
def test_check_identity__another_release_does_not_pass(health: Any, verdict: str) -> None:
    with answering(predictions(), health) as service:
        assert str(service.check_identity("v1-abc1234").verdict) == verdict


def test_wait_until_ready__says_why_it_gave_up() -> None:
    with answering(predictions()) as service, pytest.raises(DeployError, match="answers 503"):
        service.wait_until_ready()
    with connecting(free_port()) as service, pytest.raises(DeployError, match="not ready after"):
        service.wait_until_ready()
    with answering(predictions(), {}) as service:
        assert service.wait_until_ready() < 0.3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("", "no example"),
        ("\n\n", "no example"),
        ("{", "cannot be read"),
        ('{"request": {"x": 1}}', "KeyError: 'expected'"),
        ('{"request": {"x": 1}, "expected": null}', "cannot be read"),
        ('{"request": 3, "expected": 1}', "cannot be read"),
        ('{"request": {"x": 1}, "expected": NaN}', "cannot be read"),
        ('{"request": {"x": 1}, "expected": {}}', "without a number"),
        ('{"request": {"x": 1}, "expected": {"a": 0.5, "b": NaN}}', "cannot be read"),
        ('{"request": {"x": 1}, "expected": {"a": {"b": 0.5}}}', "cannot be read"),
    ],
)
def test_read_examples__what_holds_a_service_to_nothing_is_an_error(
    tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "examples.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DeployError, match=said):
        read_examples(path)
