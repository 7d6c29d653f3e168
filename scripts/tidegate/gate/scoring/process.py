"""A program run with what it may know of the world, and ended when it takes too long."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
