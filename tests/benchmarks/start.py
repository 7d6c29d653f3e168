"""How long things take to begin: medians of processes of their own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.table import Line

ROOT = Path(__file__).resolve().parents[2]
REPEATS = 7


def seconds(command: list[str], environ: Mapping[str, str]) -> float:
    """Median wall time of a command that must succeed."""
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def lines() -> Iterator[Line]:
    """How long things take to begin."""
    tidegate = str(Path(sys.executable).parent / "tidegate")
    yield _line("tidegate --help", seconds([tidegate, "--help"], os.environ), 0.1)
    with TemporaryDirectory() as folder:
        environ = {
            **os.environ,
            "RUNNER_TEMP": f"{folder}/temp",
            "RUNNER_TOOL_CACHE": f"{folder}/tools",
            "GITHUB_PATH": f"{folder}/path",
            "GITHUB_ENV": f"{folder}/env",
            "TIDEGATE_PACK": "benchmark",
        }
        install = str(ROOT / "actions/setup-tidegate/install.sh")
        subprocess.run([install], env=environ, check=True)  # what a cache brings, not measured
        start = ["bash", "-c", f'{install} && "$RUNNER_TEMP/tidegate/tidegate" --version']
        yield _line("an action until its first line, tool cached", seconds(start, environ), 3.0)


def _line(figure: str, seen: float, target: float) -> Line:
    ratio = f"{seen:.3f} s, ratio {seen / target:.2f}"
    return Line(figure, f"≤ {target:g} s", ratio, seen <= target)
