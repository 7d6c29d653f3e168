"""What the folder of a saved MLflow model says: its environment and its input columns.

It holds `MLmodel` ({mlflow_version, flavors: {python_function: {python_version}}, signature:
{inputs}}), `requirements.txt` and `python_env.yaml` ({python, build_dependencies, dependencies}).
MLflow itself restores the very patch version of Python, and setuptools before the requirements;
here the minor version decides, since not every machine can have every patch version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from tidegate.gate.scoring.exchange import Unscorable


def read_description(model: Path) -> dict[str, Any]:
    """The content of MLmodel, known to have a python_function flavor."""
    try:
        described = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
        flavor = described["flavors"]["python_function"]
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        flavor = None
    if not isinstance(flavor, dict):
        raise Unscorable(
            "it is no MLflow model with a python_function flavor",
            remedy="save the model with mlflow.<flavor>.save_model or mlflow.pyfunc.save_model",
        )
    return dict(described)


def model_inputs(
    table: pl.DataFrame, described: Mapping[str, Any], key: list[str], path: Path
) -> pl.DataFrame:
    """The columns that the model's signature names, in its order; without one, all but the key."""
    try:
        listed = json.loads((described.get("signature") or {}).get("inputs") or "[]")
        named = [(item["name"], item.get("required", True)) for item in listed if "name" in item]
    except (ValueError, TypeError, AttributeError):
        raise Unscorable(
            "the signature in its MLmodel cannot be read",
            remedy="save the model with an MLflow that writes signatures as JSON, 1.10 or newer",
        ) from None
    if not named:
        return table.drop(key)
    missing = [name for name, required in named if required and name not in table.columns]
    if missing:
        raise Unscorable(
            f"its signature asks for columns that {path} does not have: {', '.join(missing)}",
            remedy="keep writing these columns for as long as a champion needs them",
        )
    return table.select([name for name, _ in named if name in table.columns])


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
