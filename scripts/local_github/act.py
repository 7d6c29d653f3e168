"""A service's own workflow files, run on this machine by act, with this working copy as the pack.

act knows neither `uses: $/...` nor a network, so a copy of the pack is made in which `$/` names a
local repository, and third-party actions, which are pinned by commit, are answered by stand-ins
of the same interface (`actions/` beside this file) that do the work locally.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = Path(__file__).parent / "actions"
PACK = "tidegate/tidegate"

# Third-party action -> the stand-in that answers for it.
REPLACED = {
    "astral-sh/setup-uv": "setup-uv",
    "actions/upload-artifact": "upload-artifact",
    "actions/download-artifact": "download-artifact",
    "actions/upload-pages-artifact": "upload-pages-artifact",
    "actions/deploy-pages": "deploy-pages",
    "actions/cache": "cache",
    "docker/login-action": "login-action",
    "docker/setup-buildx-action": "setup-buildx-action",
    "actions/attest": "attest",
}
# act itself answers this one, with a copy of the working folder.
CHECKOUT = "actions/checkout"


@dataclass
class Step:
    """One top-level step of a job, as act reported it."""

    name: str
    result: str = ""
    seconds: float = 0.0
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """What one run of a workflow did."""

    jobs: dict[str, str] = field(default_factory=dict)  # job id -> success, failure or skipped
    steps: dict[tuple[str, str], Step] = field(default_factory=dict)  # (job id, step id)
    summaries: list[str] = field(default_factory=list)
    annotations: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    artifacts: Path = Path()
    exit_code: int = -1

    @property
    def ok(self) -> bool:
        return self.exit_code == 0

    def output(self, name: str) -> str | None:
        """The last value, if any, that a step gave an output of this name."""
        values = [v for step in self.steps.values() if (v := step.outputs.get(name))]
        return values[-1] if values else None


# Of this process's environment, what the jobs get: act gives them nothing of it by itself.
HANDED_ON = ("OMP_NUM_THREADS",)


class LocalRunner:
    """Runs workflows under act.

    home: a folder of the runner's own for the copy of the pack, caches and artifacts.
    repository: `owner/name` that the workflows believe they run in.
    secrets: what the repository keeps, beside the token that every run gets.
    """

    def __init__(
        self,
        home: Path,
        *,
        repository: str,
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        api_url: str | None = None,
        token: str = "local-token",  # noqa: S107 - of the stand-in for GitHub's API
    ):
        self.home = home
        self.repository = repository
        self.variables = dict(variables or {})
        self.secrets = dict(secrets or {})
        handed_on = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
        self.environ = {**handed_on, **(environ or {})}
        self.token = token
        if api_url is not None:
            self.environ["GITHUB_API_URL"] = api_url
        self.pack = copy_pack(home / "pack")
        self.local = self._local_repositories()

    def run(
        self,
        service: Path,
        workflow: str,
        event: str,
        payload: Mapping[str, Any] | None = None,
        *,
        actor: str,
        on_line: Callable[[dict[str, Any]], None] | None = None,
    ) -> Run:
        """Run one workflow file of the service for one event; never raises for a failed job."""
        self.home.mkdir(parents=True, exist_ok=True)
        run = Run(artifacts=Path(tempfile.mkdtemp(prefix="artifacts-", dir=self.home)))
        event_file = run.artifacts.with_suffix(".event.json")
        event_file.write_text(json.dumps({**self._event(), **(payload or {})}))
        command = [
            *("act", event, "--json", "--workflows", f".github/workflows/{workflow}"),
            *("--platform", "ubuntu-latest=-self-hosted", "--platform", "self-hosted=-self-hosted"),
            *("--eventpath", str(event_file), "--actor", actor),
            *("--action-cache-path", str(self.home / "act")),
            *("--secret", f"GITHUB_TOKEN={self.token}", "--no-cache-server"),
            *(word for item in self.secrets.items() for word in ("--secret", "=".join(item))),
            *(word for item in self.local for word in ("--local-repository", item)),
            *(word for item in self.variables.items() for word in ("--var", "=".join(item))),
            *(word for item in self.environ.items() for word in ("--env", "=".join(item))),
            *("--env", f"LOCAL_GITHUB_ARTIFACTS={run.artifacts}"),
        ]
        with subprocess.Popen(
            command,
            cwd=service,
            env=os.environ | {"GITHUB_REPOSITORY": self.repository},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            for text in process.stdout:
                line = _parse(text)
                _note(run, line)
                if on_line is not None:
                    on_line(line)
        run.exit_code = process.returncode
        run.artifacts.with_suffix(".log").write_text("\n".join(run.log) + "\n")
        return run

    def _event(self) -> dict[str, Any]:
        owner, name = self.repository.split("/")
        return {
            "repository": {
                "full_name": self.repository,
                "name": name,
                "owner": {"login": owner},
                "default_branch": "main",
            }
        }

    def _local_repositories(self) -> list[str]:
        found = {f"{PACK}@self={self.pack}", f"{PACK}@v1={self.pack}"}
        for action, reference in third_party_uses(self.pack):
            if action != CHECKOUT:
                repository = "/".join(action.split("/")[:2])
                found.add(f"{repository}@{reference}={STAND_INS / REPLACED[action]}")
        return sorted(found)


def copy_pack(target: Path) -> Path:
    """Copy what the workflows use of this working copy, `$/` rewritten for act."""
    shutil.rmtree(target, ignore_errors=True)
    for part in ("actions", ".github/workflows", "scripts/tidegate", "requirements"):
        shutil.copytree(
            ROOT / part, target / part, ignore=shutil.ignore_patterns("__pycache__", "README.md")
        )
    for path in yaml_files(target):
        text = re.sub(r"uses: \$/([\w./-]+)", rf"uses: {PACK}/\1@self", path.read_text())
        path.write_text(text)
    return target


def yaml_files(pack: Path) -> list[Path]:
    """The workflow and action files of a pack, without the workflows that it keeps for itself."""
    return [
        *(pack / ".github/workflows").glob("ml-*.yml"),
        *(pack / "actions").glob("*/action.yml"),
    ]


def third_party_uses(pack: Path) -> set[tuple[str, str]]:
    """(action, commit) of every third-party action that the pack's files use."""
    pattern = re.compile(r"uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40})")
    return {match for path in yaml_files(pack) for match in pattern.findall(path.read_text())}


def _parse(text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except json.JSONDecodeError:
        return {"msg": text}
    return line if isinstance(line, dict) else {"msg": text}


def _note(run: Run, line: Mapping[str, Any]) -> None:
    run.log.append(str(line.get("msg", "")).rstrip("\n"))
    job = line.get("jobID", "")
    if "jobResult" in line:
        run.jobs[job] = line["jobResult"]
    if line.get("command") == "summary":
        if len(line["stepID"]) == 1:  # a composite's summary is reported again by each level
            run.summaries.append(line["content"])
    elif line.get("command") in {"error", "warning", "notice"}:
        run.annotations.append(str(line.get("arg", "")))
    step_id: Sequence[str] = line.get("stepID") or ()
    if len(step_id) != 1 or line.get("stage") != "Main":
        return
    step = run.steps.setdefault((job, step_id[0]), Step(str(line.get("step", ""))))
    if line.get("command") == "set-output":
        step.outputs[line["name"]] = line["arg"]
    if "stepResult" in line:
        step.result = line["stepResult"]
        step.seconds = line.get("executionTime", 0) / 1e9
