"""How long things take to begin: figure, target, ratio. `make benchmark` runs it.

Medians over several runs on this machine, each command a process of its own.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

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


def main() -> None:
    tidegate = str(Path(sys.executable).parent / "tidegate")
    rows = [("tidegate --help", seconds([tidegate, "--help"], os.environ), 0.1)]
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
        rows.append(("an action until its first line, tool cached", seconds(start, environ), 3.0))
    print(f"{'figure':<46} {'seen':>9} {'target':>9} {'ratio':>7}")
    for name, seen, target in rows:
        print(f"{name:<46} {seen:>7.3f} s {target:>7.3f} s {seen / target:>7.2f}")


if __name__ == "__main__":
    main()
