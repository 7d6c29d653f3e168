"""What a tag must be to become a release of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import release_notes
from local_github.act import ROOT
from release_notes import Unreleasable, main, notes

CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.2.3] - 2026-12-01

### What you need to do

- Nothing.

## [1.2.2] - 2026-11-01

### What you need to do

- Everything.

[1.2.3]: https://example.com
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "scripts/tidegate").mkdir(parents=True)
    (tmp_path / "scripts/tidegate/__init__.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 1.2.3\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_notes__are_the_changelogs_part_of_that_version_alone(repository: Path) -> None:
    assert notes("v1.2.3", repository) == "### What you need to do\n\n- Nothing.\n"


@pytest.mark.parametrize("tag", ["v1.2", "1.2.3", "v1.2.3-rc1", "v1.2.3; echo", ""])
def test_notes__tag_that_is_no_version_is_refused(tag: str, repository: Path) -> None:
    with pytest.raises(Unreleasable, match="no version"):
        notes(tag, repository)


@pytest.mark.parametrize("file", ["scripts/tidegate/__init__.py", "CITATION.cff"])
def test_notes__file_with_another_version_is_named(file: str, repository: Path) -> None:
    path = repository / file
    path.write_text(path.read_text().replace("1.2.3", "1.2.2"))
    with pytest.raises(Unreleasable, match=f"{file} says 1.2.2"):
        notes("v1.2.3", repository)


def test_notes__version_that_the_changelog_lacks_or_does_not_explain(repository: Path) -> None:
    path = repository / "CHANGELOG.md"
    path.write_text(CHANGELOG.replace("## [1.2.3] - 2026-12-01", "## [1.2.3]"))
    with pytest.raises(Unreleasable, match="has no"):
        notes("v1.2.3", repository)
    path.write_text(CHANGELOG.replace("### What you need to do\n\n- Nothing", "### Added\n\n- It"))
    with pytest.raises(Unreleasable, match="what to do"):
        notes("v1.2.3", repository)


def test_main__says_it_in_one_line_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["v99.0.0"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("release_notes: ")
    assert len(told.err.splitlines()) == 1
    assert main([]) == 2


def test_workflow__who_may_publish_runs_nothing_of_the_repository() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/.release.yml").read_text())["jobs"]
    assert jobs["build"]["permissions"] == {"contents": "read"}
    publish = jobs["publish"]["steps"]
    assert not [step for step in publish if "checkout" in step.get("uses", "")]
    assert all(step["run"].startswith(("gh ", "major=")) for step in publish if "run" in step)
    assert release_notes.ROOT == ROOT
