"""The environment that a saved MLflow model asks for, made by uv, and a program run inside it.

A model folder holds `requirements.txt`, `python_env.yaml` ({python, build_dependencies,
dependencies}) and `MLmodel` ({mlflow_version, flavors: {python_function: {python_version}}}).
MLflow itself restores the exact patch version of Python and installs setuptools, too; here the
minor version decides, since not every machine can have every patch version.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tidegate.gate.scoring_exchange import Unscorable

_PASSED = (
    *("PATH", "HOME", "TMPDIR", "LANG", "TZ", "NETRC", "LD_LIBRARY_PATH"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
_PASSED_PREFIXES = ("UV_", "PIP_", "SSL_", "LC_", "XDG_")
# What would have uv take another project, interpreter or file of secrets than it is told here.
_STEERING = (
    *("UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY"),
    *("UV_PYTHON", "UV_ENV_FILE", "UV_LOCKED", "UV_FROZEN", "UV_NO_SYNC", "UV_NO_DEV", "UV_DEV"),
)
_TAIL_BYTES = 16_000
_TAIL_LINES = 12


@dataclass(frozen=True)
class Ended:
    """How a program ended. code: None when it was killed for taking too long."""

    code: int | None
    output: str

    @property
    def tail(self) -> str:
        """The last lines, for people."""
        lines = [line.rstrip() for line in self.output.splitlines() if line.strip()]
        return "\n".join(lines[-_TAIL_LINES:])

    @property
    def in_words(self) -> str:
        if self.code is None:
            return "killed"
        # Past 128 it is uv that passes on which signal ended the program below it.
        number = -self.code if self.code < 0 else self.code - 128
        with suppress(ValueError):
            return f"ended by {signal.Signals(number).name}"
        return f"ended with exit code {self.code}"


def environment_arguments(model: Path, described: Mapping[str, Any]) -> list[str]:
    """Arguments of `uv run` that restore the environment of the model folder `model`.

    described: the content of its MLmodel. Raises Unscorable when the folder does not say enough.
    """
    file = model / "requirements.txt"
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError:
        raise Unscorable(
            "its folder has no requirements.txt, so its environment cannot be made again",
            remedy="save the model with mlflow.<flavor>.save_model, which writes one",
        ) from None
    arguments = ["--python", _python(model, described), "--with-requirements", str(file)]
    arguments += [word for line in lines for word in _index_option(line)]
    # The scoring program needs these. They are resolved together with the file, so a pandas of
    # the model's own stays what it is.
    extra = ["pandas"]
    if not any(re.match(r"mlflow([-_]skinny)?\s*($|[\[=<>!~;@])", line, re.I) for line in lines):
        version = str(described.get("mlflow_version", ""))
        released = re.fullmatch(r"\d+(\.\d+)*", version)
        extra.append(f"mlflow-skinny=={version}" if released else "mlflow-skinny")
    # setuptools: models from before Python 3.12 rely on pkg_resources without naming it.
    extra += [name for name in _build_dependencies(model) if name.startswith("setuptools")]
    return [*arguments, *(word for name in extra for word in ("--with", name))]


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """What uv may know of the world: how to reach packages, and no other secret."""
    return {
        name: value
        for name, value in environ.items()
        if (name.upper() in _PASSED or name.startswith(_PASSED_PREFIXES))
        and name not in _STEERING
        and not name.startswith("UV_PUBLISH")
        and not name.endswith("_TOKEN")
    }


def hidden_from_model(environ: Mapping[str, str]) -> list[str]:
    """Names in uv's environment that the model is not to see: a package index's passwords."""
    return [
        name
        for name, value in environ.items()
        if name.startswith(("UV_", "PIP_")) or name == "NETRC" or re.search(r"://[^/\s]*@", value)
    ]


def run(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], log: Path, seconds: float
) -> Ended:
    """Run a command in `folder`; killed with all that it started after `seconds`.

    Its output goes to the file `log`: a pipe would stay open for as long as a process that the
    command leaves behind.
    """
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    code: int | None = None
    try:
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return Ended(code, stream.read().decode("utf-8", errors="replace"))


def _python(model: Path, described: Mapping[str, Any]) -> str:
    """The minor version of Python, such as 3.11, that the model was saved under."""
    flavor = described["flavors"]["python_function"]
    for version in (_python_env(model).get("python"), flavor.get("python_version")):
        if found := re.match(r"\d+\.\d+", str(version)):
            return found[0]
    raise Unscorable(
        "its folder does not say which Python it needs",
        remedy="save the model with mlflow.<flavor>.save_model, which writes python_env.yaml",
    )


def _build_dependencies(model: Path) -> list[str]:
    listed = _python_env(model).get("build_dependencies")
    return [str(item) for item in listed] if isinstance(listed, list) else []


def _python_env(model: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load((model / "python_env.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _index_option(line: str) -> list[str]:
    """An index that requirements.txt names: uv takes it on its command line only."""
    found = re.match(r"(-i|--index-url|--extra-index-url|-f|--find-links)[\s=]+(\S+)", line)
    return [found[1], found[2]] if found else []
