"""The repository as a whole: linters of others, true tables, nothing that must not be in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local_github.act import ROOT, STAND_INS
from tidegate import __version__

BIN = Path(sys.executable).parent


def run(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tracked() -> list[Path]:
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_tables__are_those_that_the_yaml_gives() -> None:
    run(sys.executable, "scripts/generate_tables.py", "--check")


ZIZMOR = (BIN / "zizmor", "--offline", "--persona", "auditor")


def test_zizmor__has_no_finding_at_the_auditor_persona() -> None:
    assert "No findings" in run(*ZIZMOR, ".github", "actions")


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/*")), ids=lambda path: path.name)
def test_zizmor__has_no_finding_in_a_service(example: Path, tmp_path: Path) -> None:
    # In a place of its own: the configuration of a repository is looked for at its root.
    service = shutil.copytree(example, tmp_path / example.name)
    assert "No findings" in run(*ZIZMOR, ".", folder=service)


def test_index__names_no_page_twice() -> None:
    # What it does not name yet, the site's navigation has under "More": see test_site.py.
    index = (ROOT / "docs/index.md").read_text().partition("\n## ")[2]
    named = re.findall(r"^- \[[^]]+\]\(([^)]+\.md)\)", index, re.MULTILINE)
    assert len(named) == len(set(named)) > 20


def test_citation__is_valid_and_of_this_version() -> None:
    file = ROOT / "CITATION.cff"
    schema = ("--builtin-schema", "vendor.citation-file-format", "--default-filetype", "yaml")
    run(BIN / "check-jsonschema", *schema, file)
    assert f"version: {__version__}\n" in file.read_text()


def test_issue_form__is_valid_by_githubs_schema() -> None:
    forms = ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-issue-forms", *forms)


def test_workflows__are_valid_by_githubs_schema() -> None:
    files = [
        *ROOT.glob(".github/workflows/*.yml"),
        *ROOT.glob("examples/*/.github/workflows/*.yml"),
    ]
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files)


def test_actions__are_valid_by_githubs_schema() -> None:
    files = [*ROOT.glob("actions/*/action.yml"), *STAND_INS.glob("*/action.yml")]
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", *files)


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/*")), ids=lambda path: path.name)
def test_hadolint__has_no_finding_in_a_services_dockerfile(example: Path) -> None:
    assert run(BIN / "hadolint", "--failure-threshold", "style", example / "Dockerfile") == ""


def test_requirements__hold_names_versions_and_hashes_alone() -> None:
    name = r"[a-z0-9._-]+(?:\[[a-z,-]+\])?==[\w.+!-]+(?: ;[^\\]*)? \\"
    line = re.compile(name + r"|\s+--hash=sha256:[0-9a-f]{64}(?: \\)?")
    for path in ROOT.glob("requirements/*.txt"):
        for text in path.read_text().splitlines():
            assert line.fullmatch(text), f"{path.name}: {text}"


@pytest.mark.parametrize(
    "what",
    [r"pypi\.org|files\.pythonhosted|registry\.npmjs|deb\.debian\.org", r"^(<<<<<<<|>>>>>>>) "],
    ids=["a registry's host", "a merge that was left"],
)
def test_files__hold_none_of(what: str) -> None:
    pattern = re.compile(what, re.MULTILINE)
    here = Path(__file__)
    found = [
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path != here and pattern.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


@pytest.mark.parametrize("page", [path for path in tracked() if path.suffix == ".md"], ids=str)
def test_page__links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target and "{{" not in target:
            assert (page.parent / target).exists(), f"{page.name}: {target}"
