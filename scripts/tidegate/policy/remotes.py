"""Where DVC fetches data from in a pull request: the base says so.

DVC's settings can name a server that is sent a login, and a program that gives one (an AWS
profile's `credential_process`). So can those of another repository that a .dvc file imports from.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import yaml

from tidegate.config import Config
from tidegate.errors import ConfigError
from tidegate.policy.branch import Branch
from tidegate.policy.git import present_files

_ALONE = (
    "put it in a pull request of its own, and have it reviewed; an administrator can merge past "
    "the required check"
)


@contextmanager
def by_the_base(config: Config, branch: Branch | None) -> Iterator[None]:
    """DVC's settings as the base has them, for as long as this lasts; its own where it has none.

    Raises ConfigError for other settings beside them, and for imports that the base does not know.
    """
    known = None if branch is None else _settings_of(branch, config)
    if branch is None or known is None:
        yield
        return
    top, (place, text) = branch.tip.top.resolve(), known
    path = top / place
    _refuse_others(config.root, path, top)
    _refuse_imports(branch)
    mine = path.read_bytes() if path.is_file() else None
    was_there = path.parent.is_dir()
    try:
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text, encoding="utf-8")
        yield
    finally:
        path.unlink(missing_ok=True)
        if mine is not None:
            path.write_bytes(mine)
        if not was_there:
            shutil.rmtree(path.parent)  # with what DVC put there


def _settings_of(branch: Branch, config: Config) -> tuple[PurePosixPath, str] | None:
    """The settings that DVC finds first on its way up from the service, as the base has them."""
    below = PurePosixPath(config.root.resolve().relative_to(branch.tip.top.resolve()).as_posix())
    for folder in (below, *below.parents):
        place = folder / ".dvc/config"
        if (text := branch.tip.text(place)) is not None:
            return place, text
    return None


def _refuse_others(folder: Path, settings: Path, top: Path) -> None:
    """DVC takes the nearest settings, and what stands beside them in `config.local`."""
    way = [folder, *folder.parents]
    found = [place / ".dvc" for place in way[: way.index(settings.parent.parent)]]
    if settings.parent.is_symlink():
        found.append(settings.parent)
    # One that an earlier step of the job wrote is ignored by git, and its own.
    local = settings.with_name("config.local")
    found += [top / path for path in present_files(top, local.relative_to(top).as_posix())]
    for place in found:
        if place.exists():
            raise ConfigError(
                "these are settings for DVC that the base does not have",
                where=str(place),
                remedy=_ALONE,
            )


def _refuse_imports(branch: Branch) -> None:
    tip = branch.tip
    known = {
        source
        for entry in tip.files()
        if entry.path.suffix == ".dvc"
        for source in _sources(tip.text(entry.path) or "")
    }
    for path in present_files(tip.top, "*.dvc"):
        for source in _sources((tip.top / path).read_text(encoding="utf-8", errors="replace")):
            if source not in known:
                raise ConfigError(
                    f"it imports from {source}, and the base does not",
                    where=str(path),
                    remedy=_ALONE,
                )


def _sources(text: str) -> list[str]:
    """The repositories that a .dvc file imports from."""
    try:
        document = yaml.safe_load(text)
        return [str(dep["repo"]["url"]) for dep in document["deps"] if dep.get("repo")]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, RecursionError):
        return []  # DVC takes no such file either
