"""Which commit is the base, and which config of it judges, is nothing that a change can say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from pull_request import CONFIG, Repository
from tidegate.cli import main

LOWER = yaml.safe_dump({**CONFIG, "model": "new", "gate": {"metrics": {"roc-auc": {"min": 0.1}}}})


@pytest.fixture
def bad(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A pull request on GitHub whose model its base blocks, and which asks for less itself."""
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    repository.predict(3.0)
    repository.write("tidegate.yaml", LOWER)
    repository.commit()
    assert gate(repository) == 1
    return repository


def gate(repository: Repository) -> int:
    return main(["gate-model", f"--config={repository.root}/tidegate.yaml", "--baseline=none"])


def test_gate__tag_with_the_name_of_the_base_is_not_taken_for_it(bad: Repository) -> None:
    bad.git("tag", "origin/main")
    # So git would have it: the attack works.
    assert bad.git("rev-parse", "origin/main") == bad.git("rev-parse", "HEAD")
    assert gate(bad) == 1


def test_gate__config_behind_a_link_is_undecided(
    bad: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    bad.write("elsewhere/tidegate.yaml", LOWER)
    bad.predict(3.0, "elsewhere/candidate.parquet")
    (bad.root / "tidegate.yaml").unlink()
    (bad.root / "tidegate.yaml").symlink_to("elsewhere/tidegate.yaml")
    assert gate(bad) == 2
    assert "tidegate.yaml: it is a link" in capsys.readouterr().err


def test_gate__folder_of_the_config_behind_a_link_is_undecided(bad: Repository) -> None:
    bad.root.rename(bad.root.parent / "elsewhere")
    bad.root.symlink_to("elsewhere")
    code, report = bad.run("gate-model", "--baseline", "none")
    assert code == 2
    assert "it is a link" in report["error"]["what"]


def test_gate__checkout_below_a_link_is_judged_as_anywhere(bad: Repository, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bad.top)
    assert gate(Repository(tmp_path / "link", tmp_path / "link/services/shop")) == 1


def test_gate__folder_that_is_made_like_a_repository_is_taken_for_none(
    bad: Repository, tmp_path: Path
) -> None:
    evil = Repository(tmp_path / "evil", tmp_path / "evil/services/shop")
    evil.root.mkdir(parents=True)
    evil.git("init", "--quiet", "--initial-branch", "main")
    evil.write("tidegate.yaml", LOWER)
    evil.git("config", "user.name", "mallory")
    evil.commit()
    evil.git("update-ref", "refs/remotes/origin/main", "main")
    for name in ("HEAD", "objects", "refs"):
        found = evil.top / ".git" / name
        (shutil.copytree if found.is_dir() else shutil.copy)(found, bad.root / name)
    settings = "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = ../..\n"
    (bad.root / "config").write_text(settings)
    bad.commit()  # which git does like any other folder
    code, report = bad.run("gate-model", "--baseline", "none")
    assert code == 2
    assert "cannot use bare repository" in report["error"]["what"]
