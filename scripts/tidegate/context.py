"""The edges of the world that commands are given instead of reaching for them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tidegate.config import Config
from tidegate.processes import GIT


@dataclass(frozen=True)
class Context:
    """What a command may know of the world outside its arguments."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    interactive: bool = False

    def tracking_uri(self, config: Config) -> str:
        """MLflow's address: the environment wins; a relative SQLite file is the service's own."""
        uri = self.environ.get("MLFLOW_TRACKING_URI") or config.registry.tracking_uri
        scheme, separator, path = uri.partition(":///")
        if scheme == "sqlite" and separator and not path.startswith("/"):
            return f"sqlite:///{config.resolve(path)}"
        return uri

    def timestamp(self) -> str:
        """Now, in ISO 8601 and UTC."""
        return self.now().isoformat(timespec="milliseconds")

    def commit(self, folder: Path) -> str | None:
        """The commit that is being judged: the runner's word, else the checkout's HEAD."""
        if sha := self.environ.get("TIDEGATE_COMMIT") or self.environ.get("GITHUB_SHA"):
            return sha
        return _git(folder, "rev-parse", "HEAD")

    def actor(self, folder: Path) -> str:
        """Who is acting: the login that started the run, else git's user."""
        return self.environ.get("GITHUB_ACTOR") or _git(folder, "config", "user.name") or "unknown"

    def without_secrets(self) -> bool:
        """Whether this is a run on GitHub that gets no secrets and no variables: a fork's."""
        from tidegate.github import event

        return self.environ.get("GITHUB_ACTIONS") == "true" and event.without_secrets(self.environ)

    def run_url(self) -> str | None:
        """Address of the run's page, where this is a run."""
        if "GITHUB_RUN_ID" not in self.environ:
            return None
        server = self.environ.get("GITHUB_SERVER_URL", "https://github.com")
        repository, run = self.environ.get("GITHUB_REPOSITORY"), self.environ["GITHUB_RUN_ID"]
        return f"{server}/{repository}/actions/runs/{run}"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        answer = subprocess.run(
            [*GIT, *arguments], cwd=folder, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None
