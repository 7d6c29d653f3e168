"""A tiny service, `shop`, with a real registry on SQLite: what release tests stand on.

Version N of its model answers x + N to {"x": x}; that is all that its examples hold it to.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import yaml

from ports import free_port
from tidegate import config as configs
from tidegate import digest
from tidegate.config import Config
from tidegate.context import Context
from tidegate.gate import record as records
from tidegate.registry import Registry
from tidegate.release.ledger import Event, Ledger
from tidegate.release.promotion import Mover
from tidegate.release.registration import RegistrationReport, register_candidate
from tidegate.release.steps import MoveReport

REPORTS = "reports/tidegate"

CONFIG = """\
service: shop
evaluation: {{predictions: reports/predictions.csv, key: id, label: bought, score: score}}
serving: {{startup-seconds: 20}}
environments:
  staging:
    deploy: {{kind: command, run: {python} deploy.py, url: "http://127.0.0.1:{staging}"}}
  production:
    after: staging
    soak-minutes: {soak}
    approval: dispatch
    approvers: [grace, ada]
    deploy: {{kind: command, run: {python} deploy.py, url: "http://127.0.0.1:{production}"}}
"""

# CONFIG for a Docker engine. The service's name is its containers' name.
DOCKER_CONFIG = """\
service: {service}
model: shop
evaluation: {{predictions: reports/predictions.csv, key: id, label: bought, score: score}}
gate:
  metrics: {{roc-auc: {{min: 0.5}}}}
  budgets:
    latency-p95-ms: 1000
    image-size-mb: 5000
    memory-mb: 500
    load-memory-mb: 500
    throughput-rps: {{min: 5}}
serving: {{startup-seconds: 20, load: {{requests: 100}}}}
image: {{repository: {repository}, push: {push}}}
environments:
  staging:
    deploy: {{kind: docker, port: {staging}}}
  production:
    after: staging
    deploy: {{kind: docker, port: {production}}}
"""

# CONFIG for a cluster: staging is reached by a forwarded port, production at an address.
KUBERNETES_CONFIG = """\
service: shop
evaluation: {{predictions: reports/predictions.csv, key: id, label: bought, score: score}}
serving: {{startup-seconds: 10}}
image: {{repository: ghcr.io/acme/shop, push: true}}
environments:
  staging:
    deploy: {{kind: kubernetes, overlay: deploy/staging, namespace: staging, timeout-seconds: 30}}
  production:
    after: staging
    deploy:
      kind: kubernetes
      overlay: deploy/production
      namespace: production
      url: "http://127.0.0.1:{production}"
      timeout-seconds: 30
"""

# What a service keeps in its repository: files of kustomize, the image with whatever tag.
OVERLAYS = {
    "base/kustomization.yaml": """\
resources: [deployment.yaml, service.yaml]
configMapGenerator:
- name: settings
  literals: [LOG_LEVEL=info]
""",
    "base/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: proxy
        image: docker.io/library/nginx:1.29
      - name: shop
        image: ghcr.io/acme/shop:latest
        ports: [{containerPort: 8080}]
        env: [{name: WORKERS, value: "2"}]
        envFrom: [{configMapRef: {name: settings}}]
        readinessProbe: {httpGet: {path: /health, port: 8080}}
""",
    "base/service.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {selector: {app: shop}, ports: [{port: 80, targetPort: 8080}]}
""",
    "staging/kustomization.yaml": "resources: [../base]\nnamespace: staging\n",
    "production/kustomization.yaml": """\
resources: [../base]
namespace: production
replicas: [{name: shop, count: 3}]
""",
}

DOCKERFILE = """\
FROM tidegate.local/python:3
ARG FAULT=
ENV FAULT=$FAULT HOST=0.0.0.0 PYTHONUNBUFFERED=1
WORKDIR /app
COPY server.py ./
COPY models/model models/model
USER 10001
CMD MODEL=$(sed -n 's/version: //p' models/model/MLmodel) exec python -S server.py 8080 "$FAULT"
"""

# What listens where is known by TIDEGATE_ENVIRONMENT.pid. FAULT-N makes version N misbehave.
DEPLOY = """\
import os, signal, subprocess, sys, time, urllib.request
from pathlib import Path

environment, version = os.environ["TIDEGATE_ENVIRONMENT"], os.environ["TIDEGATE_MODEL_VERSION"]
fault = Path(f"fault-{version}")
fault = fault.read_text() if fault.exists() else ""
with Path(f"deployed-{environment}").open("a") as log:
    log.write(version + "\\n")
pid = Path(f"{environment}.pid")
if fault == "fails at once":
    sys.exit("there is no room for it")
if pid.exists():
    os.kill(int(pid.read_text()), signal.SIGKILL)
    pid.unlink()
if fault == "fails halfway":
    sys.exit("it ran out of room")
url = os.environ["TIDEGATE_URL"]
server = subprocess.Popen(
    [sys.executable, "-S", "server.py", url.rpartition(":")[2], fault],
    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    start_new_session=True,
)
pid.write_text(str(server.pid))
for _ in range(400):
    try:
        urllib.request.urlopen(url + "/health", timeout=5).close()
        break
    except OSError:
        time.sleep(0.02)
"""

SERVER = """\
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, fault = int(sys.argv[1]), "".join(sys.argv[2:])
VERSION, RELEASE = os.environ["TIDEGATE_MODEL_VERSION"], os.environ["TIDEGATE_RELEASE"]
MODEL = float(os.environ.get("MODEL", VERSION))
if fault == "crashes":
    sys.exit("the weights are damaged")
if fault == "hangs":
    signal.pause()

def no_number(word):
    raise ValueError(word + " is no JSON")

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body at once: in two packets, the second waits for 40 ms

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        release = "v0-0000000" if fault == "another release" else RELEASE
        ready = {"status": "ready", "release": release, "model_version": VERSION}
        self.answer(200, {} if fault == "anonymous" else ready)

    def do_POST(self):
        if self.path != "/invocations":
            return self.answer(404, {"detail": "rows go to /invocations"})
        length = int(self.headers["Content-Length"])
        if length > 1_000_000:
            while length > 0:
                length -= len(self.rfile.read(min(length, 1_000_000)))
            return self.answer(413, {"detail": "too large"})
        try:
            body = json.loads(self.rfile.read(length), parse_constant=no_number)
            values = [row["x"] + MODEL for row in body["dataframe_records"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            return self.answer(400, {"detail": repr(error)})
        if fault == "wrong":
            values = [value + 0.01 for value in values]
        if fault == "not a number":
            values = [float("nan") for value in values]
        self.answer(200, {"predictions": values})

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # as PID 1 it would ignore it
ThreadingHTTPServer((os.environ.get("HOST", "127.0.0.1"), port), Handler).serve_forever()
"""


@dataclass
class Clock:
    """Time that passes by a second each time it is looked at."""

    at: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass
class Shop:
    """The service in `folder`. Its config is read anew each time, so a test may rewrite it."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    environ: dict[str, str] = field(
        default_factory=lambda: {"PATH": os.environ["PATH"], "GITHUB_ACTOR": "grace"}
    )

    @classmethod
    def make(cls, folder: Path, config: str) -> Shop:
        shop = cls(folder)
        for name, text in (("tidegate.yaml", config), ("deploy.py", DEPLOY), ("server.py", SERVER)):
            (folder / name).write_text(text)
        return shop

    @property
    def config(self) -> Config:
        return configs.load(self.folder / "tidegate.yaml")

    @property
    def context(self) -> Context:
        return Context(environ=self.environ, now=self.clock)

    @property
    def registry(self) -> Registry:
        return Registry.open(self.config, self.context)

    def candidate(self, number: int, baseline: str | None = None, **changes: Any) -> Path:
        """Write what a pipeline and the gate leave behind; the gate's report. It would become
        version `number`. changes: to the gate record, before it is sealed.
        """
        model, report = self.folder / "models/model", self.folder / REPORTS / "gate-model.json"
        predictions = self.folder / "reports/predictions.csv"
        for folder in (model, report.parent):
            folder.mkdir(parents=True, exist_ok=True)
        (model / "MLmodel").write_text(f"flavors: {{}}\nversion: {number}\n")
        predictions.write_text(f"id,bought,score\n1,1,0.{number}\n")
        rows = [{"request": {"x": x}, "expected": x + number} for x in (0.5, 1.0, 2.5)]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / "reports/examples.jsonl").write_text(lines)
        record = {
            "verdict": "pass",
            "blocked": False,
            "commit": f"{number:040x}",
            "data_digest": digest.of_bytes(b"data"),
            "candidate": {
                "model_digest": digest.of_folder(model),
                "predictions_digest": digest.of_file(predictions),
            },
            "baseline": {"version": baseline, "source": "logged"} if baseline else None,
            **changes,
        }
        results = [roc_auc(0.7)]
        body = {"error": None, "results": results, "record": records.seal(record)}
        report.write_text(json.dumps(body))
        return report

    def register(self, author: str = "ada") -> RegistrationReport:
        reports = self.folder / REPORTS
        return register_candidate(self.config, reports, self.registry, self.context, author)

    def release(self, number: int) -> str:
        """Id of the newest release of version `number`."""
        releases = Ledger(self.registry).releases()
        return [release.id for release in releases if release.model_version == str(number)][-1]

    def mover(self, environment: str) -> Mover:
        return Mover.open(self.config, self.context, environment)

    def promote(self, number: int, environment: str, approver: str = "grace") -> MoveReport:
        return self.mover(environment).promote(self.release(number), approver, "newer")

    def ship(self, number: int) -> None:
        """Promote a version all the way."""
        for environment in self.config.environments:
            report = self.promote(number, environment)
            assert not report.blocked, report.to_dict()

    def leave_production_alone(self) -> None:
        """Without an environment before it."""
        path = self.folder / "tidegate.yaml"
        config = yaml.safe_load(path.read_text())
        production = config["environments"]["production"]
        config["environments"] = {"production": {**production, "after": None}}
        path.write_text(yaml.safe_dump(config))

    def fault(self, number: int, what: str) -> None:
        (self.folder / f"fault-{number}").write_text(what)

    def serves(self, environment: str) -> str | None:
        """Version that answers there, by what it says of itself."""
        deploy = self.config.environments[environment].deploy
        url = deploy.url or f"http://127.0.0.1:{deploy.port}"
        try:
            with urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310
                said: Mapping[str, str] = json.load(answer)
        except OSError:
            return None
        return said["model_version"]

    def champion(self) -> str | None:
        version = self.registry.champion()
        return None if version is None else version.version

    def moves(self, environment: str) -> list[Event]:
        events = Ledger(self.registry).events()
        return [e for e in events if e.environment == environment]

    def production(self) -> tuple[str | None, str | None, list[str | None]]:
        """(what it serves, the champion, the releases of its moves by the ledger)."""
        taken = [event.release for event in self.moves("production")]
        return self.serves("production"), self.champion(), taken

    def close(self) -> None:
        """End every server that deploy.py started."""
        for file in self.folder.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGKILL)


def roc_auc(candidate: float, baseline: float | None = None, **fields: Any) -> dict[str, Any]:
    """A result of the gate: held to a minimum, and to the baseline where there is one."""
    harm = None if baseline is None else baseline - candidate
    middle = candidate if harm is None else harm
    return {
        "metric": "roc-auc",
        "slice": None,
        "rows": 5_000,
        "candidate": candidate,
        "baseline": baseline,
        "harm": harm,
        "lower": middle - 0.01,
        "upper": middle + 0.01,
        "max_regression": 0.02,
        "min": 0.6,
        "max": None,
        "verdict": "pass",
        "blocking": True,
        **fields,
    }


def command_config(soak: float = 0) -> str:
    return CONFIG.format(
        python=sys.executable, staging=free_port(), production=free_port(), soak=soak
    )


def docker_config(service: str, repository: str, *, push: bool = False) -> str:
    return DOCKER_CONFIG.format(
        service=service,
        repository=repository,
        push=str(push).lower(),
        staging=free_port(),
        production=free_port(),
    )


def kubernetes_config() -> str:
    return KUBERNETES_CONFIG.format(production=free_port())


def write_overlays(folder: Path) -> None:
    for name, text in OVERLAYS.items():
        file = folder / "deploy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def copy_database(source: Path, target: Path) -> None:
    """The registry as it stands in one shop, for another: its artifacts stay where they are."""
    shutil.copyfile(source / "mlflow.db", target / "mlflow.db")
