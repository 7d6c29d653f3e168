"""Answers to the template's questions: those that are supported, those that are refused and why."""

from __future__ import annotations

Answers = dict[str, str]

HOSTED: Answers = {"runner": "ubuntu-24.04", "deployer": "command", "mlflow": "token"}
CLUSTER: Answers = {"deployer": "kubernetes", "image_registry": "ghcr"}

SUPPORTED: dict[str, Answers] = {
    "the defaults": {},
    "classes": {"task": "multiclass"},
    "numbers": {"task": "regression"},
    "a script": {"deployer": "command"},
    "numbers from CSV by a script": {
        "task": "regression", "data_format": "csv", "deployer": "command", "python": "3.13",
    },
    "classes from JSON lines by a script": {
        "task": "multiclass", "data_format": "jsonl", "deployer": "command", "licence": "MIT",
    },
    "yes or no from CSV by a script": {"data_format": "csv", "deployer": "command"},
    "yes or no from JSON lines by a script": {"data_format": "jsonl", "deployer": "command"},
    "classes from CSV by a script": {
        "task": "multiclass", "data_format": "csv", "deployer": "command", "approval": "dispatch",
        "approvers": "ada grace",
    },
    "numbers from JSON lines by a script": {
        "task": "regression", "data_format": "jsonl", "deployer": "command",
    },
    "a list of approvers": {"approval": "dispatch", "approvers": "ada 123 null"},
    "a script that a list approves": {
        "deployer": "command", "approval": "dispatch", "approvers": "ada grace",
        "service": "fraud-score", "python": "3.13", "licence": "BSD-3-Clause",
    },
    "a server with a password": {"mlflow": "password", "deployer": "command"},
    "numbers on a server with a token": {
        "task": "regression", "mlflow": "token", "deployer": "command", "python": "3.11",
    },
    "classes on a server with a password": {
        "task": "multiclass", "mlflow": "password", "deployer": "command",
    },
    "everything at GitHub and Amazon": {**HOSTED, "dvc_remote": "s3"},
    "everything at GitHub and Google": {**HOSTED, "dvc_remote": "gcs", "task": "regression"},
    "everything at GitHub and Azure": {
        **HOSTED, "dvc_remote": "azure", "mlflow": "password", "image_registry": "ghcr",
    },
    "hosted, with a registry of its own": {
        **HOSTED, "runner": "ubuntu-latest", "dvc_remote": "s3", "image_registry": "other",
    },
    "a cluster": CLUSTER,
    "a cluster at Amazon": {
        **CLUSTER, "image_registry": "ecr", "dvc_remote": "s3", "mlflow": "token",
        "runner": "arc-runner-set",
    },
    "a cluster at Google": {
        **CLUSTER, "image_registry": "gar", "dvc_remote": "gcs", "task": "multiclass",
    },
    "a cluster at Azure": {
        **CLUSTER, "image_registry": "acr", "dvc_remote": "azure", "data_format": "csv",
    },
    "a cluster that asks for a password": {
        **CLUSTER, "image_registry": "other", "image": "127.0.0.1:5000/team/tumours",
        "mlflow": "password", "task": "regression",
    },
    "containers from GitHub's registry": {
        "image_registry": "ghcr", "owner": "Acme", "licence": "Apache-2.0",
    },
    "containers, data in a bucket": {"dvc_remote": "s3", "dvc_url": "s3://acme-data/dvc/tumours"},
}  # fmt: skip

# Those that are installed, tested and run through their own workflows: every task and format,
# every registry of models, a container. `make nightly` runs them all.
RUN = [
    "classes from JSON lines by a script",
    "numbers from CSV by a script",
    "a script",
    "yes or no from CSV by a script",
    "yes or no from JSON lines by a script",
    "classes from CSV by a script",
    "numbers from JSON lines by a script",
    "a script that a list approves",
    "a server with a password",
    "numbers on a server with a token",
    "classes on a server with a password",
    "the defaults",
]

REFUSED: list[tuple[Answers, str]] = [
    ({"service": "Fraud Score"}, "lower case letters"),
    ({"service": "-fraud"}, "lower case letters"),
    ({"service": "f" * 41}, "at most 40"),
    ({"service": "class"}, "something else to Python"),
    ({"service": "json"}, "something else to Python"),
    ({"service": "mlflow"}, "something else to Python"),
    ({"service": "on"}, "something else to Python or YAML"),
    ({"service": 'a"b'}, "lower case letters"),
    ({"description": 'Says "late".'}, "without double quotes"),
    ({"description": "a\\b"}, "without double quotes"),
    ({"approvers": ""}, "at least one GitHub login"),
    ({"approvers": "ada, grace"}, "no GitHub login"),
    ({"approvers": "@ada"}, "no GitHub login"),
    ({"owner": "acme inc"}, "no GitHub account"),
    ({"runner": "a label"}, "one label"),
    ({"runner": "[self-hosted, gpu]"}, "one label"),
    ({"runner": "windows-2025"}, "run on Linux"),
    ({"dvc_remote": "s3", "dvc_url": "../../data"}, "begins with s3://"),
    ({"dvc_remote": "gcs", "dvc_url": "s3://data"}, "begins with gs://"),
    ({"dvc_remote": "azure", "dvc_url": "azure:///"}, "names a bucket"),
    ({"dvc_remote": "folder", "dvc_url": "s3://data"}, "choose another dvc_remote"),
    ({"dvc_url": "../data\nurl = s3://evil"}, "without spaces"),
    ({"image_registry": "ghcr", "image": "docker.io/acme/tumours"}, "not a name that"),
    ({"image_registry": "ecr", "image": "ghcr.io/acme/tumours"}, "not a name that"),
    ({"image_registry": "other", "image": "acme/tumours"}, "not a name that"),
    ({"image_registry": "ghcr", "image": "ghcr.io/Acme/tumours"}, "lower case"),
    ({"image_registry": "ghcr", "image": "ghcr.io/acme/tumours:latest"}, "without a tag"),
    ({"deployer": "kubernetes"}, "a cluster pulls images"),
    ({**HOSTED}, "dvc_remote folder"),
    ({**HOSTED, "dvc_remote": "s3", "mlflow": "sqlite"}, "mlflow sqlite"),
    ({**HOSTED, "dvc_remote": "s3", "deployer": "docker"}, "gone with the job"),
    ({**HOSTED, **CLUSTER, "dvc_remote": "s3"}, "no way into your cluster"),
    ({**HOSTED, "dvc_remote": "s3", "image_registry": "ecr"}, "it could sign, too"),
]
