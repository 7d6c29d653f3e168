"""The service's own commands: DVC and whatever trains the model. Tidegate only runs them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from threading import Thread
from typing import IO, Any

from tidegate import processes
from tidegate.config import Config
from tidegate.data.sources.stores import is_address
from tidegate.errors import ConfigError, DataError, TidegateError
from tidegate.verdict import Verdict

LAST_WORDS_SECONDS = 1.0


class PipelineError(TidegateError):
    """A command of the service failed."""


@dataclass(frozen=True)
class CommandReport:
    """A command of the service that ended well."""

    service: str
    command: str
    seconds: float
    verdict: Verdict = Verdict.PASS
    blocked: bool = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "command": self.command,
            "seconds": round(self.seconds, 3),
        }


def run(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    seconds: float | None = None,
) -> float:
    """Run a command in the service's folder, its output passed on as it comes; seconds it took.

    seconds: after them it is ended, with all that it started. What a command that ended well
    leaves running is let be.
    Raises PipelineError with the last lines of the output.
    """
    shown = shlex.join(command)
    # The service has a virtual environment of its own: ours must not be taken for it.
    inherited = {name: value for name, value in environ.items() if name != "VIRTUAL_ENV"}
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=inherited,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=seconds is not None,
        )
    except OSError as error:
        raise PipelineError(
            f"`{shown}` cannot be started: {error.strerror}",
            where=str(folder),
            remedy=f"install {command[0]!r}, or name another command",
        ) from None
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    tail: deque[str] = deque(maxlen=12)
    # Read beside the wait: a silent command must end in time, too.
    reader = Thread(target=_pass_on, args=(process.stdout, tail), daemon=True)
    reader.start()
    in_time = True
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        in_time = False
        processes.end(process)
    except BaseException:
        if seconds is not None:  # Ctrl-C does not reach a session of its own
            processes.end(process)
        raise
    # With a limit, not to the last byte: a server left behind may hold the pipe open.
    reader.join(None if seconds is None else LAST_WORDS_SECONDS)
    if not in_time or process.returncode != 0:
        how = f"ended with exit code {process.returncode}"
        raise PipelineError(
            f"`{shown}` {how if in_time else f'was ended after {seconds:g} s'}; its last lines:\n"
            + "\n".join(tail),
            where=str(folder),
            remedy="run the same command in the service's folder and mend what it says",
        )
    return time.monotonic() - started


def _pass_on(stream: IO[str], tail: deque[str]) -> None:
    with stream:
        for line in stream:
            sys.stderr.write(line)
            tail.append(line.rstrip())


def pull_data(
    config: Config,
    dvc: str,
    remote_url: str | None,
    targets: Sequence[str],
    environ: Mapping[str, str],
) -> CommandReport:
    """`dvc pull`, from `remote_url` where one is given.

    Raises PipelineError when DVC fails, DataError when a dataset is still not there.
    """
    words = shlex.split(dvc)
    seconds = 0.0
    if remote_url:
        # In .dvc/config.local, which git ignores: the repository's own setting stays as it is.
        command = [*words, "remote", "add", "--local", "--force", "--default", "tidegate"]
        seconds += run([*command, remote_url], config.root, environ)
    # What a stage has yet to make is nowhere to pull from; that data is there is seen to below.
    pull = [*words, "pull", "--allow-missing", *targets]
    seconds += run(pull, config.root, environ)
    if not targets:
        _datasets_are_there(config)
    return CommandReport(config.service, shlex.join(pull), seconds)


def has_dvc(config: Config) -> bool:
    """Whether DVC would find a repository of its own in the config's folder, or above."""
    folder = config.root.resolve()
    return any((place / ".dvc").is_dir() for place in (folder, *folder.parents))


def nothing_to_pull(config: Config) -> CommandReport:
    """For a repository without DVC; the report names no command.

    Raises DataError when a dataset is not there.
    """
    _datasets_are_there(config)
    return CommandReport(config.service, "", 0.0)


def _datasets_are_there(config: Config) -> None:
    """See that they are, save those in an object store, which are read where they are."""
    for name, dataset in config.data.items():
        if is_address(dataset.path):
            continue
        # Path.glob takes no path from the root.
        paths = glob(dataset.path, root_dir=config.root, recursive=True, include_hidden=True)  # noqa: PTH207
        if not paths:
            raise DataError(
                f"dataset {name} is not there after the pull",
                where=dataset.path,
                remedy="track it with `dvc add`, commit the .dvc file, and run `dvc push`; or "
                "commit the data",
            )


def reproduce(config: Config, command: str, environ: Mapping[str, str]) -> CommandReport:
    """Run the training pipeline and see that it wrote the predictions table.

    Raises PipelineError when it fails or writes none.
    """
    seconds = run(shlex.split(command), config.root, environ)
    if config.evaluation is not None:
        table = config.resolve(config.evaluation.predictions)
        if not table.is_file():
            raise PipelineError(
                "the pipeline ended well but wrote no predictions table",
                where=str(table),
                remedy="write it in the last stage, or mend evaluation.predictions in the config",
            )
    return CommandReport(config.service, command, seconds)


def keep_outputs(config: Config, target: Path) -> None:
    """Copy what the gate judges into `target`, at the paths that the config has it at.

    Links are followed: DVC may make what it tracks a link into its cache. Raises ConfigError for a
    path that leads out of the config's folder.
    """
    evaluation = config.evaluation
    tables = [] if evaluation is None else [evaluation.predictions, evaluation.inputs]
    figures = [] if evaluation is None else [evaluation.measurements]
    shutil.rmtree(target, ignore_errors=True)
    for path in (*tables, *figures, config.model_path):
        if path is None:
            continue
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ConfigError(
                f"{path} is not below the config's folder",
                where=str(config.path),
                remedy="write it there: from elsewhere it is not handed on to the gate",
            )
        for found in sorted(config.root.glob(path)):
            copy = target / found.relative_to(config.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, copy, dirs_exist_ok=True)
            else:
                shutil.copyfile(found, copy)
