"""DVC is told by the base where to fetch from; a program in its place tells what it was told."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pull_request import Repository
from tidegate.cli import main

BASE = "[core]\n    remote = ours\n['remote \"ours\"']\n    url = s3://ours\n"
EVIL = BASE.replace("s3://ours", "s3://x\n    configpath = profiles\n    profile = evil")
# Looks for its settings as DVC does, and takes them up.
DVC = """\
from pathlib import Path
for folder in (Path.cwd(), *Path.cwd().parents):
    if (folder / ".dvc").is_dir():
        break
Path("seen").write_text((folder / ".dvc/config").read_text())
"""
IMPORT = "deps:\n- path: data\n  repo:\n    url: {}\nouts:\n- path: data\n"


@pytest.fixture
def service(repository: Repository) -> Repository:
    """A service below a repository with DVC at its top."""
    repository.git("switch", "--quiet", "main")
    (repository.top / ".dvc").mkdir()
    (repository.top / ".dvc/config").write_text(BASE)
    repository.write("known.dvc", IMPORT.format("https://example.org/known"))
    repository.commit()
    repository.git("switch", "--quiet", "--create", "change-of-remotes")
    repository.write("dvc.py", DVC)
    return repository


def pull(service: Repository) -> int:
    config = f"--config={service.root}/tidegate.yaml"
    return main(["pull-data", config, "--base=main", f"--dvc={sys.executable} dvc.py"])


def test_pull__settings_of_the_change_are_not_used_and_stay_as_they_are(
    service: Repository,
) -> None:
    settings = service.top / ".dvc/config"
    settings.write_text(EVIL)
    service.commit()
    assert pull(service) == 0
    assert (service.root / "seen").read_text() == BASE
    assert settings.read_text() == EVIL
    assert service.git("status", "--porcelain", ".dvc") == ""


def test_pull__change_that_takes_dvc_away_fetches_from_where_the_base_does(
    service: Repository,
) -> None:
    shutil.rmtree(service.top / ".dvc")
    service.commit()
    assert pull(service) == 0
    assert (service.root / "seen").read_text() == BASE
    assert not (service.top / ".dvc").exists()


def test_pull__link_in_the_place_of_the_settings_is_not_written_through(
    service: Repository, tmp_path: Path
) -> None:
    settings, other = service.top / ".dvc/config", tmp_path / "other"
    other.write_text(EVIL)
    settings.unlink()
    settings.symlink_to(other)
    assert pull(service) == 0
    assert (service.root / "seen").read_text() == BASE
    assert other.read_text() == EVIL


@pytest.mark.parametrize("place", ["services/shop/.dvc/config", ".dvc/config.local"])
def test_pull__settings_in_another_place_are_refused(
    service: Repository, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (service.top / place).parent.mkdir(exist_ok=True)
    (service.top / place).write_text(EVIL)
    service.commit()
    assert pull(service) == 2
    assert "settings for DVC that the base does not have" in capsys.readouterr().err
    assert not (service.root / "seen").exists()


def test_pull__settings_that_an_earlier_step_left_are_used(service: Repository) -> None:
    (service.top / ".dvc/.gitignore").write_text("/config.local\n")
    (service.top / ".dvc/config.local").write_text(BASE)
    assert pull(service) == 0


def test_pull__import_that_the_base_does_not_know_is_refused(
    service: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    service.write("again.dvc", IMPORT.format("https://example.org/known"))
    assert pull(service) == 0
    service.write("evil.dvc", IMPORT.format("https://example.org/evil"))
    assert pull(service) == 2
    assert "imports from https://example.org/evil" in capsys.readouterr().err


def test_pull__base_without_dvc_leaves_it_to_the_change(repository: Repository) -> None:
    (repository.top / ".dvc").mkdir()
    (repository.top / ".dvc/config").write_text(BASE)
    repository.write("dvc.py", DVC)
    assert pull(repository) == 0
