"""What a step tells the runner: outputs, summary, annotations."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from sample_reports import (
    budget,
    check,
    command_report,
    data_report,
    dataset,
    gate_report,
    result,
    undecided,
    worse_slice,
)
from tidegate.github import runner


def publish(verb: str, report: dict[str, Any], folder: Path) -> tuple[dict[str, str], str, str]:
    """Outputs as the runner reads them, the summary, and what went to the log."""
    environ = {
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
    }
    log = io.StringIO()
    runner.publish(verb, report, "## text", environ, folder, log)
    written = (folder / "output").read_text(encoding="utf-8")
    blocks = re.compile(r"^([\w-]+)<<(\S+)\n(.*?)\n\2\n", re.DOTALL | re.MULTILINE)
    assert blocks.sub("", written) == ""
    outputs = {name: value for name, _, value in blocks.findall(written)}
    return outputs, (folder / "summary").read_text(encoding="utf-8"), log.getvalue()


def test_publish__a_pass__sets_outputs_and_summary_and_says_nothing(tmp_path):
    outputs, summary, log = publish("check-data", data_report(), tmp_path)

    assert outputs == {
        "verdict": "pass",
        "blocked": "false",
        "report": str(tmp_path / "check-data.json"),
        "page": str(tmp_path / "check-data.html"),
    }
    assert summary == "## text\n"
    assert log == ""


def test_publish__undecided__sets_every_output_and_one_error(tmp_path):
    outputs, _, log = publish("register-model", undecided("register-model"), tmp_path)

    assert outputs == {
        "verdict": "",
        "blocked": "true",
        "report": str(tmp_path / "register-model.json"),
        "model-version": "",
        "release": "",
    }
    assert log == (
        "::error title=register-model could not be decided::"
        "https://mlflow.example: the registry does not answer\n"
    )


@pytest.mark.parametrize(
    ("verb", "fields", "expected"),
    [
        ("register-model", {"version": "3", "release": None}, {"model-version": "3"}),
        ("register-model", {"version": "3", "release": "v3-ab"}, {"release": "v3-ab"}),
        (
            "build-image",
            {
                "release": {"id": "v3-ab"},
                "image": {"repository": "r", "reference": "r@sha256:1", "digest": None},
                "record": {"verdict": "pass", "digest": "sha256:2"},
            },
            {
                "release": "v3-ab",
                "image": "r@sha256:1",
                "image-name": "r",
                "image-digest": "",
                "record-json": '{"verdict": "pass", "digest": "sha256:2"}',
            },
        ),
        ("promote", {"after": "v3-ab", "before": None}, {"release": "v3-ab", "before": ""}),
        ("rollback", {"after": "v2-cd", "before": "v3-ab"}, {"before": "v3-ab"}),
        ("comment", {"url": None}, {"url": ""}),
    ],
)
def test_publish__a_verb_with_outputs_of_its_own__sets_them(tmp_path, verb, fields, expected):
    outputs, _, _ = publish(verb, {**command_report(verb), **fields}, tmp_path)

    assert expected.items() <= outputs.items()


def test_publish__comment__reports_the_text(tmp_path):
    outputs, _, _ = publish("comment", {**command_report("comment"), "url": "u"}, tmp_path)

    assert outputs["report"] == str(tmp_path / "comment.md")


def test_publish__value_with_lines_of_its_own__adds_no_output(tmp_path):
    evil = "x\nverdict=pass\nverdict<<EOF\npass\nEOF"
    report = {**command_report("promote"), "after": evil, "before": None}
    outputs, _, _ = publish("promote", report, tmp_path)

    assert outputs["release"] == evil
    assert set(outputs) == {"verdict", "blocked", "report", "release", "before"}


def test_publish__blocked_data__is_an_error_on_the_runner(tmp_path):
    _, _, log = publish("check-data", data_report(dataset(check())), tmp_path)

    assert log.startswith("::error title=dataset flights%2C carrier::carrier: one of '9E', 'AA'")
    assert log.count("\n") == 1


def test_publish__blocked_model__names_slice_and_budget(tmp_path):
    over = budget(value=25.0, verdict="fail")
    _, _, log = publish(
        "gate-model", gate_report(result(), worse_slice(), budgets=[over]), tmp_path
    )

    assert log.splitlines() == [
        "::error title=roc-auc%2C carrier=B6::"
        "worse by 0.0529 (harm between 0.0312 and 0.0746), tolerated 0.02",
        "::error title=budget train-minutes::25 measured, 20 allowed",
    ]


def test_publish__gate_that_warns__raises_no_error(tmp_path):
    assert publish("gate-model", gate_report(worse_slice(), mode="warn"), tmp_path)[2] == ""


def test_publish__summary_beyond_what_github_takes__is_cut(tmp_path):
    environ = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    runner.publish("check-data", data_report(), "€" * 500_000, environ, tmp_path, io.StringIO())

    assert 999_990 < (tmp_path / "summary").stat().st_size <= runner.MAX_SUMMARY + 1


def test_publish__no_runner__writes_nothing(tmp_path):
    runner.publish("check-data", data_report(), "text", {}, tmp_path, io.StringIO())

    assert list(tmp_path.iterdir()) == []
