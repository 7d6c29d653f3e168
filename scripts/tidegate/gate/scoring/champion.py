"""The champion scored now: a registered version, in an environment of its own.

uv makes the environment and keeps it in its cache. With mlflow-skinny, pandas, numpy, scikit-learn
and scipy and 100,000 rows the first call took 14 s, downloads included, and the second 4.5 s.

The model is run as the service's image runs it: code of the team's own, not a stranger's. It is
given no credentials (see process.py), so none slip out by accident, but it is the same
user on the same machine, and nothing here is a sandbox.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import polars as pl

from tidegate.config import Config
from tidegate.data.sources.reading import read_table
from tidegate.errors import DataError
from tidegate.gate.scoring.answer import output_columns
from tidegate.gate.scoring.exchange import Answer, Failure, Unscorable, read_answer, write_inputs
from tidegate.gate.scoring.folder import environment_arguments, model_inputs, read_description
from tidegate.gate.scoring.process import Ended, child_environ, hidden_from_model, run
from tidegate.models.fetching import download_model
from tidegate.registry import ModelVersion, Registry

__all__ = ["Unscorable", "score_version"]

_PROGRAM = Path(__file__).with_name("program.py")
_UV_RUN = ("run", "--no-project", "--isolated", "--no-env-file", "--no-progress")
# What uv says when the requirements themselves cannot be met, whoever asks and wherever.
_UNRESOLVABLE = (
    "No solution found",
    "Couldn't parse requirement",
    "Failed to resolve",
    "Failed to build",
)
# ... unless it could not ask the index, or not as who it is. That says nothing of the model.
_UNREACHABLE = ("Failed to fetch", "network was disabled", "could not be queried", "error sending")
_STAGES = {
    "import": (
        "its environment does not hold together",
        "see that the requirements.txt of the model pins versions that fit together",
    ),
    "load": (
        "it does not load",
        "its requirements.txt must name every package it needs, in the version it was saved with",
    ),
    "predict": (
        "it does not answer on these inputs",
        "the inputs need the columns and types of its signature; where the new inputs are meant "
        "so, compare with a table by --baseline TABLE, or set gate.on-unscorable-baseline",
    ),
    "answer": (
        "its answer cannot be read",
        "predict must give an array, a list, a series or a data frame of plain values",
    ),
}


def score_version(
    version: ModelVersion,
    registry: Registry,
    config: Config,
    inputs: Path,
    folder: Path,
    environ: Mapping[str, str],
    *,
    timeout: float = 30 * 60,
) -> Path:
    """Score the rows of `inputs` with a registered version; a Parquet table in `folder`.

    inputs: Parquet with the key columns and the model's input columns. folder: a temporary one,
    outside the checkout, so that no uv settings of the candidate's reach the champion.
    timeout: seconds, from making the environment to the last answer.
    The table has the key columns and `evaluation.outputs`, in the order of `inputs`.

    Raises Unscorable when the champion cannot score these rows; DataError when that cannot be
    said: no uv, no package index within reach, a model that is not the one the gate judged or
    whose pickles must not be loaded.
    """
    uv = shutil.which("uv", path=environ.get("PATH", ""))
    if uv is None:
        raise DataError(
            "uv is not on the PATH, and it makes the environment that the champion is scored in",
            where=version.uri,
            remedy="install uv (https://docs.astral.sh/uv), or pass the champion's predictions "
            "with --baseline TABLE",
        )
    key = config.need_evaluation().key
    table = _read_inputs(inputs, key)
    folder.mkdir(parents=True, exist_ok=True)
    # A new one: a model, or an answer, of an earlier call must not be taken for this one's.
    work = Path(mkdtemp(dir=folder)).resolve()
    model = download_model(registry, version, work, config.registry.trusted_pickles)
    with _about(version, registry):
        described = read_description(model)
        write_inputs(model_inputs(table, described, key, inputs), work)
        known = child_environ(environ)
        command = [
            *(uv, *_UV_RUN, *environment_arguments(model, described), "--", "env"),
            *(word for name in hidden_from_model(known) for word in ("-u", name)),
            # -I: neither the folder of the program nor the user's own packages are importable.
            *("python", "-I", str(_PROGRAM), str(model), str(work)),
        ]
        ended = run(command, model, known, work / "log", timeout)
        answer = _answer(work, ended, timeout)
        scored = table.select(key).with_columns(output_columns(answer, config, table.height))
    path = folder / "scored.parquet"
    scored.write_parquet(path)
    return path


@contextmanager
def _about(version: ModelVersion, registry: Registry) -> Iterator[None]:
    """Say of which version an Unscorable speaks."""
    try:
        yield
    except Unscorable as error:
        raise Unscorable(
            f"version {version.version} cannot score this evaluation set: {error.what}",
            where=f"{registry.shown_uri}, {version.uri}",
            remedy=error.remedy,
        ) from None


def _read_inputs(path: Path, key: list[str]) -> pl.DataFrame:
    table = read_table(path)
    missing = [column for column in key if column not in table.columns]
    if missing or table.is_empty():
        raise DataError(
            f"the inputs have no column {missing[0]!r} (evaluation.key)"
            if missing
            else "the inputs have no rows",
            where=str(path),
            remedy="write the key and the model's input columns for each row of the evaluation set",
        )
    return table


def _answer(work: Path, ended: Ended, timeout: float) -> Answer:
    answer = read_answer(work)
    if isinstance(answer, Answer) and ended.code == 0:
        return answer
    said = f"; its last lines:\n{ended.tail}"
    if not (work / "started").exists():
        raise _no_environment(ended, said, timeout)
    if isinstance(answer, Failure):
        what, remedy = _STAGES[answer.stage]
        raise Unscorable(f"{what}: {answer.error}{said}", remedy=remedy)
    if ended.code is None:
        raise Unscorable(
            f"it did not answer within {timeout:g} seconds{said}",
            remedy="see whether it hangs, or score it elsewhere and pass --baseline TABLE",
        )
    raise Unscorable(
        f"its process {ended.in_words} without an answer{said}",
        remedy="SIGKILL mostly means that memory ran out; otherwise run the model with its own "
        "requirements and mend what it says",
    )


def _no_environment(ended: Ended, said: str, timeout: float) -> DataError:
    if (
        ended.code is not None
        and any(words in ended.output for words in _UNRESOLVABLE)
        and not any(words in ended.output for words in _UNREACHABLE)
    ):
        return Unscorable(
            f"its environment cannot be made{said}",
            remedy="the packages in its requirements.txt must exist and fit together",
        )
    how = f"took more than {timeout:g} seconds" if ended.code is None else "could not be tried"
    return DataError(
        f"the champion's environment {how}{said}",
        remedy="see that the package index is within reach (UV_DEFAULT_INDEX, UV_INDEX, proxies) "
        "and that uv finds or may fetch the Python that the model needs",
    )
