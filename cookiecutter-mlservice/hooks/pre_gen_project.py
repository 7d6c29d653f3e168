"""Refuse answers that would give a broken service, and say why."""

import keyword
import re
import sys

SERVICE = {{ cookiecutter.service | tojson }}
DESCRIPTION = {{ cookiecutter.description | tojson }}
OWNER = {{ cookiecutter.owner | tojson }}
APPROVERS = {{ cookiecutter.approvers | tojson }}.split()
DVC_REMOTE = {{ cookiecutter.dvc_remote | tojson }}
DVC_URL = {{ cookiecutter.dvc_url | tojson }}
MLFLOW = {{ cookiecutter.mlflow | tojson }}
DEPLOYER = {{ cookiecutter.deployer | tojson }}
IMAGE_REGISTRY = {{ cookiecutter.image_registry | tojson }}
IMAGE = {{ cookiecutter.image | tojson }}
RUNNER = {{ cookiecutter.runner | tojson }}

# Python packages that the service imports: one of its own by that name would hide them.
TAKEN = {
    *("fastapi", "mlflow", "numpy", "pandas", "pandera", "polars", "prometheus_client", "pydantic"),
    *("sklearn", "skops", "starlette", "tests", "uvicorn", "yaml"),
}
# YAML reads these as something else than a name.
NO_NAMES = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9])){0,38}")
SCHEMES = {"folder": None, "s3": "s3://", "gcs": "gs://", "azure": "azure://"}
REGISTRIES = {
    "none": r"[^/]+",
    "ghcr": r"ghcr\.io/.+",
    "ecr": r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/.+",
    "gar": r"([a-z0-9-]+-)?docker\.pkg\.dev/[^/]+/[^/]+/.+",
    "acr": r"[a-z0-9-]+\.azurecr\.io/.+",
    "other": r"([^/]*[.:][^/]*|localhost)/.+",
}
IMAGE_NAME = re.compile(r"([a-zA-Z0-9.-]+(:\d+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")


def refuse(reason):
    print(f"refused: {reason}", file=sys.stderr)
    sys.exit(1)


def check_names():
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", SERVICE) or len(SERVICE) > 40:
        refuse(f"service {SERVICE!r}: use lower case letters, digits and single dashes, like 'fraud-score', at most 40")
    package = SERVICE.replace("-", "_")
    if keyword.iskeyword(package) or package in sys.stdlib_module_names | TAKEN | NO_NAMES:
        refuse(f"service {SERVICE!r}: the word means something else to Python or YAML; add to it, like '{SERVICE}-service'")
    if re.search(r'["\\\x00-\x1f\x7f]', DESCRIPTION):
        refuse("description: one line without double quotes and backslashes")
    if not LOGIN.fullmatch(OWNER):
        refuse(f"owner: {OWNER!r} is no GitHub account or organisation (without @)")
    if not APPROVERS:
        refuse("approvers: name at least one GitHub login; production needs somebody who says yes")
    for login in APPROVERS:
        if not LOGIN.fullmatch(login):
            refuse(f"approvers: {login!r} is no GitHub login (separate several by spaces, without @)")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", RUNNER):
        refuse(f"runner {RUNNER!r}: one label, of letters, digits, dots, dashes and underscores")
    if RUNNER.startswith(("windows", "macos")):
        refuse(f"runner {RUNNER!r}: the workflows run on Linux")


def check_addresses():
    scheme = SCHEMES[DVC_REMOTE]
    if not re.fullmatch(r"[\w./:@~+-]+", DVC_URL, re.ASCII):
        refuse(f"dvc_url {DVC_URL!r}: an address without spaces and quotes")
    if scheme is None and "://" in DVC_URL:
        refuse(f"dvc_url {DVC_URL!r}: the data is kept in a folder, and this is no path; choose another dvc_remote")
    if scheme is not None and not (DVC_URL.startswith(scheme) and DVC_URL[len(scheme) :].strip("/")):
        refuse(f"dvc_url {DVC_URL!r}: an address of {DVC_REMOTE} begins with {scheme}, and then names a bucket")
    if not IMAGE_NAME.fullmatch(IMAGE):
        refuse(f"image {IMAGE!r}: a name in lower case without a tag, like 'ghcr.io/acme/fraud-score'")
    if not re.fullmatch(REGISTRIES[IMAGE_REGISTRY], IMAGE):
        refuse(f"image {IMAGE!r}: not a name that image_registry {IMAGE_REGISTRY} has; docs/template.md shows one of each")


def check_what_goes_together():
    if DEPLOYER == "kubernetes" and IMAGE_REGISTRY == "none":
        refuse("deployer kubernetes with image_registry none: a cluster pulls images, so they must be pushed somewhere")
    if not re.match(r"ubuntu-(latest|slim|\d)", RUNNER):
        return
    # What is left on a machine of GitHub's is gone with the job, and it reaches nothing of yours.
    for answer, why in (
        (DVC_REMOTE == "folder", "dvc_remote folder: the folder is on no machine that it reaches; choose s3, gcs or azure"),
        (MLFLOW == "sqlite", "mlflow sqlite: the registry would be empty in every job; choose a server"),
        (DEPLOYER == "docker", "deployer docker: the container would be gone with the job; use a runner of your own, or command"),
        (DEPLOYER == "kubernetes", "deployer kubernetes: it has no way into your cluster; use a runner inside it, or command"),
        (IMAGE_REGISTRY in {"ecr", "gar", "acr"}, f"image_registry {IMAGE_REGISTRY}: it is reached by the identity of a runner of your own: the job that builds must not be able to take one, since it could sign, too; choose ghcr"),
    ):
        if answer:
            refuse(f"runner {RUNNER} is GitHub's, and does not go with {why}")


check_names()
check_addresses()
check_what_goes_together()
